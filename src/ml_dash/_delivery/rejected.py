"""Records that a server refused for good: kept aside, with its words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ml_dash._base.clock import stamp
from ml_dash._record import codec
from ml_dash._store.stream import Stream
from ml_dash.exceptions import CorruptDataError, MLDashError

NAME = "rejected.jsonl"
_NEEDED: Final = {"stream", "number", "code", "reason", "record"}


class Rejected:
    """``rejected.jsonl`` of a run.

    Args:
        folder: The run's folder of delivery.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._stream = Stream(self.path)
        self._known: set[tuple[str, int]] | None = None

    def add(self, stream: str, number: int, line: bytes, error: MLDashError) -> None:
        """Keep one record; nothing happens when it is there already.

        Raises:
            CorruptDataError: a line of it is damaged.
            OSError: it cannot be written; the record is still in its stream.
        """
        if self._known is None:
            self._known = {(each["stream"], each["number"]) for each in self.entries()}
        if (stream, number) in self._known:
            return
        self._stream.append(codec.encode({
            "stream": stream, "number": number, "time": stamp(), "code": error.code,
            "status": error.context.get("status"), "reason": error.message,
            "record": line.decode("utf-8", "replace"),
        }))  # fmt: skip
        self._known.add((stream, number))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what was refused, oldest first.

        Raises:
            OSError: it cannot be read.
            CorruptDataError: a line is damaged.
        """
        yield from entries_of(self.path)

    def close(self) -> None:
        """Give the descriptor back."""
        self._stream.close()


def entries_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a file of refused records; none when there is no file.

    Raises:
        OSError: it cannot be read.
        CorruptDataError: a line is damaged.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].split(b"\n"), 1):
        if line:
            yield _entry(path, number, line)


def _entry(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        entry = codec.decode(line)
    except ValueError as error:
        raise _damaged(path, number) from error
    if isinstance(entry, dict) and entry.keys() >= _NEEDED:
        return entry
    raise _damaged(path, number)


def _damaged(path: Path, number: int) -> CorruptDataError:
    return CorruptDataError(
        f"Line {number} of {path}, the list of refused records, is damaged",
        context={"path": str(path), "line": number},
        kept="the file is untouched, and each record is in its stream",
        hint="Restore the file, or take the line out of it",
    )
