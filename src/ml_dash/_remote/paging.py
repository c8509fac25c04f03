"""Lists that come in pages: one answer for scripts of both 0.6 lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ml_dash._remote import replies
from ml_dash.exceptions import InvalidResponseError

PAGE_SIZE = 200


class Page(list[dict[str, Any]]):
    """A list of dicts, as in 0.6.13, that also answers like the page dict of 0.6.27.

    ``page[0]``, ``len(page)``, ``for ... in page`` are about the items; ``page["files"]`` (or
    ``"projects"``, ``"experiments"``), ``page["totalCount"]``, ``page["hasMore"]``, ``page.get``
    and ``"files" in page`` are about the page. It is no ``dict``, and as JSON it is a list.
    """

    def __init__(
        self, name: str, items: list[dict[str, Any]], total_count: int, has_more: bool
    ) -> None:
        super().__init__(items)
        self._facts = {name: None, "totalCount": total_count, "hasMore": has_more}

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        value = self._facts[key]
        return list(self) if value is None else value

    def get(self, key: str, default: Any = None) -> Any:
        """Return a fact of the page, or ``default``."""
        return self[key] if key in self._facts else default

    def keys(self) -> list[str]:
        """Return the names of the page's facts."""
        return list(self._facts)

    def __contains__(self, item: object) -> bool:
        return item in self._facts if isinstance(item, str) else super().__contains__(item)


def whole(fetch: Callable[[int], Any], name: str, what: str) -> list[dict[str, Any]]:
    """Return a list that a server may send in parts: it says then that there is more.

    Args:
        fetch: Returns the answer with the items from a number on.
        name: The field of the items.
        what: What is asked, for errors.

    Raises:
        InvalidResponseError: an answer has no list.
    """
    found: list[dict[str, Any]] = []
    while True:
        reply = fetch(len(found))
        part = replies.field(reply, name, list, what)
        found += part
        if not part or reply.get("hasMore") is not True:
            return found


def pages(
    fetch: Callable[[int, int], tuple[dict[str, Any], str]],
    name: str,
    limit: int | None,
    offset: int,
) -> Page:
    """Return one page of a list, or, without a limit, all of it.

    Args:
        fetch: Returns the page object for a limit and an offset, and what was asked.
        name: The field of the items.
        limit: At most so many items; None for all.
        offset: Skip so many.

    Raises:
        InvalidResponseError: a page is not one, or claims that more follows but is empty.
    """
    items: list[dict[str, Any]] = []
    while True:
        page, what = fetch(PAGE_SIZE if limit is None else limit, offset + len(items))
        found = replies.field(page, name, list, what)
        has_more = replies.field(page, "hasMore", bool, what) if "hasMore" in page else False
        items.extend(found)
        total = page.get("totalCount")
        if limit is not None or not has_more:
            count = total if isinstance(total, int) else offset + len(items)
            return Page(name, items, count, has_more)
        if not found:
            raise InvalidResponseError(f"The answer to {what} has no items but says more follow",
                                       context={"request": what})  # fmt: skip
