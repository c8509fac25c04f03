"""How much one GraphQL answer may hold, whatever its document looks like."""

from __future__ import annotations

from typing import Final

from ml_dash.server.errors import TooLargeError

MOST_ITEMS: Final = 200_000


class Budget:
    """Counts the items of an answer while it is made."""

    def __init__(self) -> None:
        self._left = MOST_ITEMS

    def spend(self, items: int) -> None:
        """Count items.

        Raises:
            TooLargeError: the answer would have too many.
        """
        self._left -= items
        if self._left < 0:
            raise TooLargeError(
                f"The answer would have more than {MOST_ITEMS} items",
                hint="Ask for pages, or for fewer levels",
            )
