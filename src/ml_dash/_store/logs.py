"""A run's log: ``logs/logs.jsonl``, and ``logs/.log_sequence`` as its snapshot."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ml_dash._base import fsio
from ml_dash._base.clock import file_stamp
from ml_dash._base.facts import about
from ml_dash._record import codec
from ml_dash._store.layout import LOG_COUNTER, LOGS
from ml_dash._store.stream import Stream
from ml_dash._store.window import Window
from ml_dash.exceptions import CorruptDataError

_log = logging.getLogger("ml_dash.store")
_NUMBER = "sequenceNumber"
_DAMAGED = -2


class LogStore:
    """Log lines of a run, numbered from 0."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.stream = Stream(folder / LOGS, _NUMBER, durable=durable)
        self._counter = folder / LOG_COUNTER
        self._window: Window | None = None
        self._counted = -1

    @staticmethod
    def encode(level: str, message: Any, time: str, metadata: dict[str, Any] | None) -> bytes:
        """Return the part of a line after its number.

        Raises:
            SerializationError: the message or a metadata value has no JSON form.
        """
        record = {"timestamp": time, "level": level, "message": message}
        if metadata:
            record["metadata"] = metadata
        return b"," + codec.encode(record)[1:]

    def open(self) -> None:
        """Take up the numbering where the last writer left it.

        Raises:
            OSError: the counter cannot be read, or moved aside when damaged.
        """
        try:
            text = self._counter.read_bytes()
        except FileNotFoundError:
            return
        # The log itself says what the next number is; the counter is for 0.6.
        if not text.strip().isdigit():
            fsio.move_aside(self._counter)
            self._counted = _DAMAGED

    def flush(self) -> None:
        """Write the counter that 0.6 tools read.

        Raises:
            OSError: it cannot be written; the numbers are in the log itself.
        """
        following = self.stream.next_number
        if (self.stream.appended or self._counted == _DAMAGED) and following != self._counted:
            fsio.write_atomic(self._counter, str(following).encode())
            self._counted = following

    def read(self, start: int = 0, limit: int = 1000) -> Iterator[dict[str, Any]]:
        """Yield the lines with ``start <= sequenceNumber < start + limit``.

        Raises:
            CorruptDataError: a line is no JSON object.
            OSError: the log cannot be read.
        """
        if self._window is None:
            self._window = Window(self.stream.path, self.stream.number_of)
        self._window.look()
        yield from decode_lines(self._window.read(start, limit), self.stream.path, key=_NUMBER)


def decode_lines(
    lines: Iterable[bytes], path: Path, *, key: str, skip_damaged: bool = False
) -> Iterator[dict[str, Any]]:
    """Read stored lines, each of which must have a key.

    Args:
        lines: The lines.
        path: Their file, for the error.
        key: What each record has.
        skip_damaged: Leave a damaged line out, loudly, instead of raising.

    Raises:
        CorruptDataError: a line is no such record.
    """
    for line in lines:
        try:
            record = decode_line(line, path)
            if key not in record:
                raise _unreadable(line, path)
        except CorruptDataError as error:
            if not skip_damaged:
                raise
            _log.error("%s", error, exc_info=error, extra=about("reading logs", error, path=path))
            continue
        yield record


def without_damaged(lines: list[bytes], path: Path, *, key: str) -> list[bytes]:
    """Return the readable lines; keep the others in a file beside ``path``, and say so.

    For a caller who is about to remove the lines from ``path``.

    Raises:
        OSError: they cannot be kept; nothing was changed.
    """
    damaged = [line for line in lines if not _is_record(line, path, key)]
    if not damaged:
        return lines
    kept = path.with_name(f"{path.name}.damaged-{file_stamp()}")
    with open(kept, "ab") as file:
        file.write(b"".join(line + b"\n" for line in damaged))
    _log.error(
        "%s has %d lines that are no readable records; they are kept in %s", path, len(damaged),
        kept.name,
        extra=about("reading logs", path=path, count=len(damaged), kept_as=kept),
    )  # fmt: skip
    return [line for line in lines if line not in damaged]


def _is_record(line: bytes, path: Path, key: str) -> bool:
    try:
        return key in decode_line(line, path)
    except CorruptDataError:
        return False


def decode_line(line: bytes, path: Path) -> dict[str, Any]:
    """Read one stored line.

    Raises:
        CorruptDataError: it is no JSON object.
    """
    try:
        record = codec.decode(line)
    except ValueError as error:
        raise _unreadable(line, path) from error
    if not isinstance(record, dict):
        raise _unreadable(line, path)
    return record


def _unreadable(line: bytes, path: Path) -> CorruptDataError:
    return CorruptDataError(
        f"A line of {path} is no readable record: {line[:80]!r}",
        kept="the file is untouched; its other lines are readable",
        hint="Look at the line and remove or mend it",
        context={"path": str(path)},
    )
