"""Where things lie in a run's folder: the 0.6 tree, and one hidden folder of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ml_dash.exceptions import PrefixError

DOCUMENT: Final = "experiment.json"
PARAMETERS: Final = "parameters.json"
LOGS: Final = "logs/logs.jsonl"
LOG_COUNTER: Final = "logs/.log_sequence"
METRICS: Final = "metrics"
TRACKS: Final = "tracks"
FILES: Final = "files"
POINTS: Final = "data.jsonl"
SUMMARY: Final = "metadata.json"
PENDING: Final = ".pending.jsonl"
JOURNAL: Final = ".ml-dash/journal.jsonl"
WRITERS: Final = ".ml-dash/writers.lock"

_OURS = ("logs", METRICS, TRACKS, FILES, ".ml-dash")


def run_folder(root: Path, segments: list[str]) -> Path:
    """Return a run's folder below the root.

    Raises:
        PrefixError: a symbolic link on the way leads out of the root, or one of the run's own
            folders is a link.
    """
    folder = root.joinpath(*segments)
    inside = root.resolve()
    if not folder.resolve().is_relative_to(inside):
        raise PrefixError(
            f"The folder {folder} leads out of the root {root} through a symbolic link",
            hint="Remove the link, or use the folder it points to as dash_root",
            context={"path": str(folder), "root": str(root)},
        )
    for name in _OURS:
        if (folder / name).is_symlink():
            raise PrefixError(
                f"{folder / name} is a symbolic link; a run writes only to folders of its own",
                hint="Remove the link, or move the whole run to where it points",
                context={"path": str(folder / name)},
            )
    return folder
