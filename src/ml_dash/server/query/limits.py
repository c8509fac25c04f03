"""How large and how deep a GraphQL document may be; clients of 0.6 stay far below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

MOST_BYTES: Final = 100_000
MOST_TOKENS: Final = 3000
MOST_FIELDS: Final = 400
MOST_ROOTS: Final = 20
DEEPEST: Final = 30


def check_text(text: str) -> None:
    """Refuse a text that a parser should not be given.

    Raises:
        GraphQLError: it is too long, or its brackets are too deep.
    """
    if len(text) > MOST_BYTES:
        raise GraphQLError(f"The document has more than {MOST_BYTES} characters")
    depth = 0
    for each in text:
        if each in "{[(":
            depth += 1
            if depth > 2 * DEEPEST:
                raise GraphQLError(f"The document is nested more than {2 * DEEPEST} deep")
        elif each in "}])":
            depth -= 1


def check_document(document: DocumentNode) -> int:
    """Refuse a document that costs too much; return how many fields it has.

    Raises:
        GraphQLError: it has too many fields, or too many levels of them.
    """
    fragments = {
        each.name.value: each.selection_set
        for each in document.definitions
        if isinstance(each, FragmentDefinitionNode)
    }
    counter = _Counter(fragments)
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode):
            counter.count(each.selection_set, 1, ())
            if len(list(counter.fields(each.selection_set, ()))) > MOST_ROOTS:
                raise GraphQLError(f"The document asks for more than {MOST_ROOTS} things at once")
    return counter.total


class _Counter:
    """Counts fields as they are when all fragments are put in."""

    def __init__(self, fragments: dict[str, SelectionSetNode]) -> None:
        self._fragments = fragments
        self.total = 0

    def count(self, selections: SelectionSetNode, depth: int, within: tuple[str, ...]) -> None:
        """Count the fields of a set and of all sets in it."""
        if depth > DEEPEST:
            raise GraphQLError(f"The document asks for more than {DEEPEST} levels")
        for field, spread in self.fields(selections, within):
            self._one_more()
            if field.selection_set is not None:
                self.count(field.selection_set, depth + 1, spread)

    def _one_more(self) -> None:
        self.total += 1
        if self.total > MOST_FIELDS:
            raise GraphQLError(f"The document asks for more than {MOST_FIELDS} fields")

    def fields(
        self, selections: SelectionSetNode, within: tuple[str, ...]
    ) -> Iterator[tuple[FieldNode, tuple[str, ...]]]:
        """Yield the fields of a set, those of its fragments among them."""
        for each in selections.selections:
            if isinstance(each, FieldNode):
                yield each, within
            elif isinstance(each, InlineFragmentNode):
                yield from self.fields(each.selection_set, within)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                self._one_more()
                if name in within:
                    raise GraphQLError(f"The fragment {name!r} is in itself")
                if len(within) > DEEPEST:
                    raise GraphQLError("The fragments are in each other too deeply")
                if name in self._fragments:
                    yield from self.fields(self._fragments[name], (*within, name))
