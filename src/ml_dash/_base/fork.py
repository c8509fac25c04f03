"""Objects that must not carry their parent's locks, threads and counts into a forked child."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something with a lock, a thread or a descriptor of its own."""

    def reset_after_fork(self) -> None:
        """Start afresh: runs in the child, which has one thread, before anything else."""
        ...


_objects: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def reset_in_child(thing: ForkAware) -> None:
    """Call ``thing.reset_after_fork()`` in every child forked while it lives."""
    _objects.add(thing)


def _reset_all() -> None:
    for thing in list(_objects):
        thing.reset_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
