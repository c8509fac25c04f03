"""A disk that takes no byte more: the limit of the process on the size of files, a real refusal."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refusing(from_bytes: int = 0) -> Iterator[None]:
    """Let every write beyond an offset fail with EFBIG, whatever the file.

    Args:
        from_bytes: A write that reaches beyond it is cut short there, as on a disk that fills up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (from_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
