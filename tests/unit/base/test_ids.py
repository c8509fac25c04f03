"""Ids never repeat: not within a millisecond, not between threads, not after a fork."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from ml_dash._base.ids import unique_id


def many() -> list[str]:
    """Return more ids than a millisecond has room for in 0.6's twelve random bits."""
    return [unique_id() for _ in range(20_000)]


def test_threads_never_get_one_id_twice() -> None:
    """Four threads at full speed."""
    with ThreadPoolExecutor(4) as pool:
        made = [each for ids in pool.map(lambda _: many(), range(4)) for each in ids]
    assert len(set(made)) == len(made) == 80_000
    assert all(each.isdecimal() for each in made)


def test_a_forked_child_makes_other_ids() -> None:
    """Also of the same moment."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, ",".join(many()[:2_000]).encode())
        os._exit(0)
    mine = many()
    os.close(writing)
    with os.fdopen(reading) as file:
        theirs = file.read().split(",")
    os.waitpid(child, 0)
    assert len(theirs) == 2_000
    assert not set(mine) & set(theirs)
