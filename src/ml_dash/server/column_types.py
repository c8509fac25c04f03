"""Columns that take every text and every logged value, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator

from ml_dash._record import codec

_ESCAPED = "\x01json:"


class AnyText(TypeDecorator[str]):
    """A text, also one with NUL or half of a surrogate pair, which databases refuse."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored for a text."""
        if value is None or _is_plain(value):
            return value
        return _ESCAPED + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text again."""
        if value is None or not value.startswith(_ESCAPED):
            return value
        text: str = json.loads(value[len(_ESCAPED) :])
        return text


class Logged(TypeDecorator[Any]):
    """A logged value as JSON in which NaN, the infinities and long numbers are kept."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return what is stored for a value."""
        return None if value is None else codec.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value again."""
        return None if value is None else codec.decode(value)


def _is_plain(value: str) -> bool:
    if "\0" in value or value.startswith(_ESCAPED):
        return False
    return value.isascii() or not any("\ud800" <= each <= "\udfff" for each in value)
