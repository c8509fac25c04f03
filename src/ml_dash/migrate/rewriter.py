"""Writing what ``fix`` has decided into the code: formatting and comments stay."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import libcst as cst
from libcst.metadata import PositionProvider

from ml_dash.flags import api_of
from ml_dash.migrate import known
from ml_dash.migrate.contexts import EMPTY
from ml_dash.migrate.finder import Use

_MARK: Final = "# TODO(ml-dash {flag}): "
_ERROR: Final = ("ml_dash.exceptions", "MLDashError")
_NO_SPACE: Final = cst.SimpleWhitespace("")
_COMMA: Final = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
_TEXTS: Final = (cst.SimpleString, cst.FormattedString, cst.ConcatenatedString, cst.BinaryOperation)
_MAKERS: Final = frozenset({"str", "Path", "join", "abspath", "expanduser", "resolve", "mkdtemp"})


def todo(use: Use) -> str:
    """Return the comment that is left above a use that is not rewritten."""
    mark = _MARK.format(flag=use.flag)
    if use.flag == known.MOVED_ID:
        return f"{mark}{use.api} has moved; {use.advice}"
    if use.context == "exit code":
        return f"{mark}`{use.api}` ends with 0 until 0.9 where not all was done; {use.advice}"
    _, api = api_of(use.api)
    if use.context == "mocked":
        return f"{mark}{api.name} is called by another name once `fix` has rewritten its calls"
    if use.context == EMPTY:
        return (f"{mark}{api.name} {api.old} until 0.9, and raises then; {use.advice} unless an "
                "empty answer is right")  # fmt: skip
    return f"{mark}{api.name} {api.old} until 0.9, and raises then; {use.advice}"


class Rewriter(cst.CSTTransformer):
    """Rewrites what is certain, and marks the rest.

    Args:
        uses: What was found.
        lines: The lines of the module.
        kept: Names that the module must go on to have.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, uses: Iterable[Use], lines: Sequence[str], kept: Collection[str]) -> None:
        super().__init__()
        self._uses = {(use.line, use.column): use for use in uses}
        self._lines = lines
        self._kept = kept
        self._excepts = {use.typed_except for use in uses if use.typed_except}
        self._owners: dict[tuple[int, int], cst.CSTNode] = {}
        self._renamed: dict[str, str] = {}
        self._quotes: list[str] = []
        self._needs_error = False
        self._done: set[tuple[int, int]] = set()
        self.rewritten = 0
        self.left = 0

    @property
    def missed(self) -> list[Use]:
        """The uses that LibCST has nowhere: it does not agree with Python on their place."""
        return [use for at, use in self._uses.items() if at not in self._done]

    def _rewrite(self, use: Use) -> None:
        self._done.add((use.line, use.column))
        self.rewritten += 1

    def _at(self, node: cst.CSTNode) -> tuple[int, int]:
        start: Any = self.get_metadata(PositionProvider, node).start
        return start.line, start.column

    def _use_of(self, node: cst.CSTNode) -> Use | None:
        """Return the use of a member, argument or imported name, if this is one."""
        name: cst.CSTNode | None = node
        if isinstance(node, cst.Call):
            name = node.func
        elif isinstance(node, cst.Arg):
            name = node.keyword or node
        if isinstance(name, cst.Attribute):
            name = name.attr
        return self._uses.get(self._at(name)) if name is not None else None

    # -- members ---------------------------------------------------------------------------------

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        """Remember the quotes: before Python 3.12 there may be no others of them inside."""
        self._quotes.append(node.quote[-1])

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.FormattedString:
        """Forget them."""
        self._quotes.pop()
        return updated_node

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """Give a member its sibling's name; ask for the user as a whole."""
        use = self._use_of(original_node)
        if use is None or use.becomes in ("", "logs"):
            return updated_node
        self._rewrite(use)
        if not use.becomes.startswith("fetch_or_raise()"):
            return updated_node.with_changes(attr=cst.Name(use.becomes))
        becomes = use.becomes.replace('"', "'") if '"' in self._quotes[-1:] else use.becomes
        asked = cst.parse_expression(f"a.{becomes}")
        return asked.with_deep_changes(_innermost(asked), value=updated_node.value)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        """Give an argument its new name."""
        use = self._use_of(original_node) if original_node.keyword is not None else None
        if use is None or not use.becomes or not use.api.startswith("Experiment."):
            return updated_node
        self._rewrite(use)
        changed = updated_node.with_changes(keyword=cst.Name(use.becomes))
        if use.becomes != "dash_root" or _is_text(updated_node.value):
            return changed
        return changed.with_changes(value=_or_default(updated_node.value))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Make ``log(step=1).info("x")`` to ``logs.info("x", step=1)``."""
        use = self._use_of(original_node)
        called = updated_node.func
        if use is not None and use.becomes == "logs" and isinstance(called, cst.Attribute):
            self._rewrite(use)
            return called.with_changes(attr=cst.Name("logs"), lpar=updated_node.lpar,
                                       rpar=updated_node.rpar)  # fmt: skip
        func = original_node.func
        inner = func.value if isinstance(func, cst.Attribute) else None
        if not isinstance(inner, cst.Call):
            return updated_node
        use = self._use_of(inner)
        if use is None or use.becomes != "logs":
            return updated_node
        return updated_node.with_changes(args=_with_facts(updated_node.args, _facts(inner)))

    # -- except ----------------------------------------------------------------------------------

    def leave_ExceptHandler(
        self, original_node: cst.ExceptHandler, updated_node: cst.ExceptHandler
    ) -> cst.ExceptHandler:
        """Name the error where a broad ``except`` can mean nothing else."""
        kind = original_node.type
        if kind is None or self._at(kind) not in self._excepts:
            return updated_node
        self._needs_error = True
        return updated_node.with_changes(type=cst.Name(_ERROR[1]))

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        """Import the error, and rename what has moved."""
        changed: Any = updated_node
        if self._renamed:
            changed = changed.visit(_Renaming(self._renamed))
        if self._needs_error and not any(map(_has_error, changed.body)):
            body = list(changed.body)
            line = f"from {_ERROR[0]} import {_ERROR[1]}"
            made = cst.parse_statement(line, config=original_node.config_for_parsing)
            body.insert(_place_for_import(body), made)
            changed = changed.with_changes(body=body)
        module: cst.Module = changed
        return module

    # -- imports ---------------------------------------------------------------------------------

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        """Import what has moved from where it is now."""
        node, now = original_node.body[0], updated_node.body[0]
        if not (isinstance(node, cst.ImportFrom) and isinstance(now, cst.ImportFrom)):
            return updated_node
        if isinstance(node.names, cst.ImportStar) or isinstance(now.names, cst.ImportStar):
            return updated_node
        moved = {number: use for number, each in enumerate(node.names)
                 if (use := self._uses.get(self._at(each))) is not None}  # fmt: skip
        if not moved:
            return updated_node
        changed = any(use.flag != known.MOVED_ID for use in moved.values())
        if changed or len(original_node.body) > 1:
            self._owners |= {(use.line, use.column): original_node for use in moved.values()}
            return updated_node
        for use in moved.values():
            self._rewrite(use)
        return self._imports(updated_node, now, list(now.names), moved)

    def _imports(
        self, line: cst.SimpleStatementLine, node: cst.ImportFrom, names: list[cst.ImportAlias],
        moved: dict[int, Use],
    ) -> Any:  # fmt: skip
        module = _dotted(node.module)
        homes: dict[str, list[cst.ImportAlias]] = {module: []}
        for number, each in enumerate(names):
            if number in moved:
                home, new = known.MOVED[module][_dotted(each.name)]
                homes.setdefault(home, []).append(self._renamed_alias(each, new))
            else:
                homes[module].append(each)
        found = [(home, part) for home, part in homes.items() if part]
        lines: list[cst.BaseStatement] = []
        for number, (home, part) in enumerate(found):
            is_whole = len(part) == len(names)
            made = node.with_changes(
                module=cst.parse_expression(home), names=part if is_whole else _closed(part, node)
            )
            if number:
                plain = made.with_changes(lpar=None, rpar=None, names=_closed(part, None))
                lines.append(cst.SimpleStatementLine([plain]))
            else:
                lines.append(line.with_changes(body=[made]))
        return cst.FlattenSentinel(lines) if len(lines) > 1 else lines[0]

    def _renamed_alias(self, alias: cst.ImportAlias, new: str) -> cst.ImportAlias:
        old = _dotted(alias.name)
        changed = alias.with_changes(name=cst.Name(new))
        if old == new or alias.asname is not None:
            return changed
        if old in self._kept or new in self._kept:
            space = cst.SimpleWhitespace(" ")
            return changed.with_changes(asname=cst.AsName(cst.Name(old), space, space))
        self._renamed[old] = new
        return changed

    # -- marking ---------------------------------------------------------------------------------

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Find the innermost statement of each use that is to be marked."""
        if hasattr(node, "leading_lines"):
            place: Any = self.get_metadata(PositionProvider, node)
            first = (place.start.line, place.start.column)
            last = (place.end.line, place.end.column)
            for at, use in self._uses.items():
                if not use.becomes and first <= at <= last:
                    self._owners[at] = node
        return super().on_visit(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Write the marks of a statement above it, if they are not there yet."""
        left: Any = super().on_leave(original_node, updated_node)
        if not hasattr(original_node, "leading_lines"):
            return left
        places = [at for at, owner in self._owners.items() if owner is original_node]
        self._done.update(places)
        uses = [self._uses[at] for at in places]
        there = self._comments_above(original_node) if uses else []
        texts = list(dict.fromkeys(map(todo, uses)))
        self.left += len(texts)
        new = [cst.EmptyLine(comment=cst.Comment(text)) for text in texts if text not in there]
        if not new:
            return left
        return left.with_changes(leading_lines=[*left.leading_lines, *new])

    def _comments_above(self, node: cst.CSTNode) -> list[str]:
        # From the text: comments above the first statement belong to the module.
        line, _ = self._at(node)
        found = []
        for text in reversed(self._lines[: line - 1]):
            if not text.lstrip().startswith("#"):
                break
            found.append(text.strip())
        return found


class _Renaming(cst.CSTTransformer):
    """Gives names their new ones wherever they are read."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__()
        self._names = names

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.Attribute:
        """Leave the name of a member as it was."""
        return updated_node.with_changes(attr=original_node.attr)

    def leave_Arg(self, original_node: cst.Arg, updated_node: cst.Arg) -> cst.Arg:
        """Leave the name of an argument as it was."""
        return updated_node.with_changes(keyword=original_node.keyword)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        """Leave imports alone."""
        return False

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename."""
        new = self._names.get(updated_node.value)
        return updated_node if new is None else updated_node.with_changes(value=new)


# -- pieces ----------------------------------------------------------------------------------------


def _innermost(node: Any) -> cst.Attribute:
    while not isinstance(node, cst.Attribute) or not isinstance(node.value, cst.Name):
        node = node.func if isinstance(node, cst.Call) else node.value
    return node


def _is_text(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.Call):
        func = node.func
        name = func.attr if isinstance(func, cst.Attribute) else func
        return isinstance(name, cst.Name) and name.value in _MAKERS
    return isinstance(node, _TEXTS)


def _or_default(node: cst.BaseExpression) -> cst.BaseExpression:
    # local_path=None meant the default; dash_root=None means that there is no folder.
    if isinstance(node, (cst.IfExp, cst.Lambda, cst.NamedExpr)) and not node.lpar:
        node = node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.BooleanOperation(node, cst.Or(), cst.SimpleString('".dash"'))


def _facts(call: cst.Call) -> list[cst.Arg]:
    """Return what a call of ``log`` says beside the message, as arguments."""
    found: list[tuple[str, cst.BaseExpression]] = []
    for each in call.args:
        name = each.keyword.value if each.keyword is not None else "message"
        if name == "metadata" and isinstance(each.value, cst.Dict):
            found += [(str(item.key.evaluated_value), item.value)
                      for item in each.value.elements
                      if isinstance(item, cst.DictElement)
                      and isinstance(item.key, cst.SimpleString)]  # fmt: skip
        elif name not in ("message", "level", "metadata"):
            found.append((name, each.value))
    equal = cst.AssignEqual(_NO_SPACE, _NO_SPACE)
    return [cst.Arg(value, cst.Name(name), equal) for name, value in found]


def _with_facts(given: Sequence[cst.Arg], facts: list[cst.Arg]) -> list[cst.Arg]:
    """Put facts behind the message, which is the first argument."""
    if not facts or not given:
        return [*given, *facts]
    first, rest = given[0], list(given[1:])
    new = [each.with_changes(comma=_COMMA) for each in facts]
    if not rest:
        new[-1] = new[-1].with_changes(
            comma=first.comma, whitespace_after_arg=first.whitespace_after_arg
        )
        first = first.with_changes(comma=_COMMA, whitespace_after_arg=_NO_SPACE)
    return [first, *new, *rest]


def _closed(names: Sequence[cst.ImportAlias], node: cst.ImportFrom | None) -> list[cst.ImportAlias]:
    """Return names of an import with commas between them, and none at the end."""
    if node is not None and node.lpar is not None:
        return list(names)
    last = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return [*(each.with_changes(comma=_COMMA) for each in names[:-1]), last]


def _dotted(node: Any) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def _imports_of(node: Any) -> list[cst.ImportFrom | cst.Import]:
    if not isinstance(node, cst.SimpleStatementLine):
        return []
    return [each for each in node.body if isinstance(each, (cst.ImportFrom, cst.Import))]


def _has_error(node: Any) -> bool:
    return any(
        name.evaluated_alias is None and name.evaluated_name == _ERROR[1]
        for each in _imports_of(node)
        if isinstance(each, cst.ImportFrom) and not isinstance(each.names, cst.ImportStar)
        and _dotted(each.module) in (known.PACKAGE, _ERROR[0])
        for name in each.names
    )  # fmt: skip


def _place_for_import(body: Sequence[Any]) -> int:
    """Return where an import goes: behind the first of ml-dash, or behind the first ones."""
    behind = 0
    for number, node in enumerate(body):
        imports = _imports_of(node)
        for each in imports:
            names = [_dotted(each.module)] if isinstance(each, cst.ImportFrom) else [
                _dotted(name.name) for name in each.names]  # fmt: skip
            if any(name.split(".")[0] == known.PACKAGE for name in names):
                return number + 1
        is_text = number == 0 and isinstance(node, cst.SimpleStatementLine) and isinstance(
            node.body[0], cst.Expr)  # fmt: skip
        if (imports or is_text) and behind == number:
            behind = number + 1
    return behind
