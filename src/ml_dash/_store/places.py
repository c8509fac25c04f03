"""Where a run's files may lie: names that are allowed, and folders that are the run's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ml_dash.exceptions import InvalidFileError

SNAPSHOT = ".files_metadata.json"
_RESERVED = ".files_metadata"
_NAME_MAX_BYTES = 255


def checked_place(path: str, filename: str) -> tuple[str, str]:
    """Return folder and name of a file within the run; folders in the name join the folder.

    Raises:
        InvalidFileError: it would leave the run, has no name, or has one that no disk takes.
    """
    if not isinstance(path, str) or not isinstance(filename, str):
        odd = filename if isinstance(path, str) else path
        raise InvalidFileError(f"A file's name is a text, not {type(odd).__name__}")
    whole = f"{path}/{filename}"
    parts = [part for part in whole.split("/") if part]
    if not parts or not filename or filename.endswith("/"):
        raise _refused(whole, "names no file", "Give the name of a file")
    for part in parts:
        _check_part(part, whole)
    if len(parts) > 1 and parts[0].startswith(_RESERVED):
        raise _refused(whole, "starts with a name that the store keeps for itself",
                       "Use another folder")  # fmt: skip
    return "/" + "/".join(parts[:-1]), parts[-1]


def _check_part(part: str, whole: str) -> None:
    if not is_plain(part):
        raise _refused(whole, "would leave the run's files", "Use plain folder and file names")
    try:
        size_bytes = len(os.fsencode(part))
    except UnicodeEncodeError as error:
        raise _refused(whole, "has no form that a disk takes", "Use other characters") from error
    if size_bytes > _NAME_MAX_BYTES:
        what = f"has a part of {size_bytes} bytes; {_NAME_MAX_BYTES} are allowed"
        raise _refused(whole, what, "Use shorter names")


def _refused(whole: str, what: str, hint: str) -> InvalidFileError:
    shown = whole if len(whole) < 200 else f"{whole[:200]}..."
    return InvalidFileError(f"{shown!r} {what}", hint=hint, context={"path": whole})


def is_plain(name: Any) -> bool:
    """Tell whether a value is the name of one file or folder, and of nothing else."""
    return (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and not ("/" in name or os.sep in name or "\0" in name)
    )


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies below it, segment by segment."""
    inside, above = path.strip("/"), folder.strip("/")
    return not above or inside == above or inside.startswith(f"{above}/")


def refuse_links(top: Path, folder: Path) -> None:
    """Check that no folder from ``top`` down to ``folder`` is a symbolic link.

    Raises:
        InvalidFileError: one is; files would be stored elsewhere.
    """
    for place in (folder, *folder.parents):
        if place.is_symlink():
            raise InvalidFileError(
                f"{place} is a symbolic link; a run stores files only in folders of its own",
                hint="Remove the link",
                context={"path": str(place)},
            )
        if place == top:
            return


def inside(top: Path, path: Path) -> Path:
    """Return a path that lies below ``top``, links followed.

    Raises:
        InvalidFileError: it leads out.
    """
    if not path.resolve().is_relative_to(top.resolve()):
        raise InvalidFileError(
            f"{path} leads out of the run's files",
            kept="nothing was read or written there",
            hint="Look at the record and at symbolic links in the folder",
            context={"path": str(path)},
        )
    return path


def checked_destination(path: Path) -> Path:
    """Return where a download goes, links followed as in 0.6.

    Raises:
        InvalidFileError: it is a folder or a device, or its own folder is missing.
    """
    facts, kept = {"path": str(path)}, "nothing was written"
    destination = path.resolve() if path.is_symlink() else path
    if destination.is_dir():
        raise InvalidFileError(f"{path} is a folder", kept=kept, hint="Name the file to write",
                               context=facts)  # fmt: skip
    if destination.exists() and not destination.is_file():
        # Renaming onto it would replace the device itself.
        raise InvalidFileError(f"{path} is no plain file", kept=kept, context=facts)
    if not destination.parent.is_dir():
        raise InvalidFileError(f"The folder of {path} is missing", kept=kept, hint="Make it first",
                               context=facts)  # fmt: skip
    return destination
