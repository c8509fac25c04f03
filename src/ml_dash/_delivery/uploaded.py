"""Which file of a run is which node of the server, noted in the run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ml_dash._record import codec
from ml_dash._store.stream import Stream

Record = dict[str, Any]
_TOLD_MAX: Final = 1000


class Uploaded:
    """The nodes of a run's files.

    Args:
        path: The file that keeps them.
    """

    def __init__(self, path: Path) -> None:
        self._stream = Stream(path)
        self.reload()

    def reload(self) -> None:
        """Read the notes again when they are asked for."""
        self._nodes: dict[str, str] | None = None
        self._owners: dict[str, str] | None = None
        # When the newest files were changed that the server was told of: few, since only those of
        # a batch that was broken off are told of again.
        self._told: dict[str, str] = {}

    def node(self, file_id: str) -> str | None:
        """Return the server's id of a file; None when it is not there.

        Raises:
            OSError: the notes cannot be read.
        """
        return self._known().get(file_id)

    def is_told(self, record: Record) -> bool:
        """Tell whether the server got a file with just this record.

        Raises:
            OSError: the notes cannot be read.
        """
        self._known()
        at = record.get("updatedAt")
        return bool(at) and self._told.get(record["id"]) == at

    def owns(self, file_id: str) -> bool:
        """Tell whether a file is on the server, and none that came later in its place.

        Raises:
            OSError: the notes cannot be read.
        """
        known = self._known()
        if self._owners is None:
            self._owners = {node: each for each, node in known.items()}
        return self._owners.get(known.get(file_id, "")) == file_id

    def note(self, stored: Iterable[tuple[Record, str]]) -> None:
        """Note where files are.

        Raises:
            OSError: nothing was noted.
        """
        every = list(stored)
        lines = [
            codec.encode({"id": record["id"], "node": node, "at": record.get("updatedAt")})
            for record, node in every
        ]
        if not lines:
            return
        with self._stream.exclusive() as descriptor:
            self._stream.append_locked(descriptor, lines)
        for record, node in every:
            self._remember(record["id"], node, record.get("updatedAt"))

    def _known(self) -> dict[str, str]:
        if self._nodes is None:
            self._nodes = {}
            if self._stream.path.exists():
                data = self._stream.path.read_bytes()
                for line in data[: data.rfind(b"\n") + 1].splitlines():
                    note = codec.decode(line)
                    self._remember(note["id"], note["node"], note.get("at"))
        return self._nodes

    def _remember(self, file_id: str, node: str, at: str | None) -> None:
        if self._nodes is not None:
            self._nodes.pop(file_id, None)  # the last one is the one that was noted last
            self._nodes[file_id] = node
        if self._owners is not None:
            self._owners[node] = file_id
        if at:
            self._told[file_id] = at
        if len(self._told) > _TOLD_MAX:
            for each in list(islice(self._told, _TOLD_MAX // 2)):
                del self._told[each]

    def close(self) -> None:
        """Give the descriptor back."""
        self._stream.close()
