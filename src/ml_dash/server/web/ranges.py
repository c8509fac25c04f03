"""Sending the bytes of a file, or a range of them (RFC 9110, one range)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ml_dash.server.errors import RangeError

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)


def asked(headers: Mapping[str, str], size_bytes: int, sha256: str) -> tuple[int, int]:
    """Return the first byte that is asked for, and the one after the last.

    Raises:
        RangeError: the file has no such bytes.
    """
    whole = 0, size_bytes
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or found.groups() == ("", ""):
        return whole  # none, or one of a kind that may be passed over
    if headers.get("if-range", _tag(sha256)) != _tag(sha256):
        return whole
    first, last = found.groups()
    if first:
        start, stop = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
    else:
        start, stop = max(size_bytes - int(last), 0), size_bytes
    if start >= stop:
        raise RangeError(
            f"The file has {size_bytes} bytes, and not those from {start} on",
            context={"size_bytes": size_bytes}, headers={"content-range": f"bytes */{size_bytes}"},
        )  # fmt: skip
    return start, stop


def headers(start: int, stop: int, row: Any) -> dict[str, str]:
    """Return the headers of an answer with bytes of a file."""
    named = {
        "content-length": str(stop - start), "accept-ranges": "bytes", "etag": _tag(row.sha256),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(_base(row.name), safe='')}",
        # Bytes of users are never shown as a page of this server.
        "x-content-type-options": "nosniff",
    }  # fmt: skip
    if (start, stop) != (0, row.size_bytes):
        named["content-range"] = f"bytes {start}-{stop - 1}/{row.size_bytes}"
    return named


def media_type(stored: str | None) -> str:
    """Return a media type that can stand in a header."""
    fine = stored is not None and _MEDIA_TYPE.fullmatch(stored)
    return str(stored) if fine else "application/octet-stream"


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _tag(sha256: str) -> str:
    return f'"{sha256}"'
