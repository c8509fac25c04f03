"""The run that a word of a command names: a folder of this machine, or a path on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ml_dash.cli_commands._connect import connected
from ml_dash.exceptions import FileReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_dash.runs import Run

ABOUT = """A RUN is a folder of this machine, or OWNER/PROJECT/.../NAME on the server."""


@contextmanager
def runs_named(words: Sequence[str], url: str | None, key: str | None) -> Iterator[list[Run]]:
    """Give the runs that words name; the server is asked only for those that are no folders.

    Raises:
        FileReadError: a folder holds no run.
        RemoteNotFoundError: the server has no such run.
        RemoteClientError: the server cannot be asked.
    """
    from ml_dash.runs import find_run

    with ExitStack() as stack:
        client = None
        found: list[Run] = []
        for word in words:
            if Path(word).is_dir():
                found.append(_in_folder(Path(word)))
                continue
            client = client or stack.enter_context(connected(url, key))
            found.append(find_run(client, word))
        yield found


def _in_folder(folder: Path) -> Run:
    from ml_dash.runs import FolderRun
    from ml_dash.runs.folders import run_in

    found = run_in(folder)
    if found is None:
        raise FileReadError(f"The folder {folder} holds no run", context={"path": str(folder)},
                            hint=f"See `ml-dash list {folder}`")  # fmt: skip
    return FolderRun(found)
