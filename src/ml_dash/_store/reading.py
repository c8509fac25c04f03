"""What becomes of a file of a run that is there and cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_dash._store.outage import hint_for
from ml_dash.exceptions import FileReadError, MLDashError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what reading a file meets into a typed error; a missing file stays a missing file.

    Raises:
        FileReadError: the file cannot be read.
    """
    try:
        yield
    except (MLDashError, FileNotFoundError):
        raise
    except OSError as error:
        raise FileReadError(
            f"Cannot read {path}: {error.strerror or error}", kept="the file is as it was",
            hint=hint_to_read(error), context={"path": str(path), "errno": error.errno},
            cause=error,
        ) from error  # fmt: skip


def needs_type(error: OSError) -> bool:
    """Tell whether an error of a write has no type of its own yet.

    What a write met while it read something on the way is typed as what was being done.
    """
    return not isinstance(error, MLDashError) or isinstance(error, FileReadError)


def hint_to_read(error: OSError) -> str:
    """Say what to do about a refused read, which is not tried again by itself."""
    return f"{hint_for(error).partition(';')[0]}; then call this again"
