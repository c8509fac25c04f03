"""Section C.6, the part about files."""

from __future__ import annotations

from typing import Any

from tests.durability.running import Finished, Room


def measure(room: Room, case: str, **options: Any) -> Finished:
    """Run one case of the worker that stores files."""
    room.folder.mkdir(parents=True, exist_ok=True)
    return room.finish(
        "store_files", case=case, source=str(room.folder / "source.bin"), **options)


def contents(done: Finished) -> dict[str, str]:
    """Return what the readers give for each stored file; an error's class where they fail."""
    return {
        f["name"]: f["error"]["types"][0] if f["error"] else f["content"]
        for f in done.report["stored"]
    }
