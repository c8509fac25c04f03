"""How much one GraphQL answer may hold, whatever its document looks like."""

from __future__ import annotations

from typing import Final

from ml_dash.server.errors import TooLargeError

MOST_ITEMS: Final = 200_000
MOST_VALUES: Final = 2_000_000
"""Items times the fields of the document, of which each item has some."""


class Budget:
    """Counts the items of an answer while it is made.

    Args:
        fields: How many fields the document has.
    """

    def __init__(self, fields: int) -> None:
        self._most = min(MOST_ITEMS, MOST_VALUES // max(fields, 1))
        self._left = self._most

    def spend(self, items: int) -> None:
        """Count items.

        Raises:
            TooLargeError: the answer would have too many.
        """
        self._left -= items
        if self._left < 0:
            raise TooLargeError(
                f"The answer would have more than {self._most} items, which is the most for so "
                "many fields",
                hint="Ask for pages, or for fewer fields and levels",
            )
