"""Runs for the tests of your own code: real, local, gone afterwards.

Example:
    >>> from ml_dash.testing import recorded, temporary_run
    >>> def train(exp):
    ...     exp.params.set(lr=0.1)
    ...     for step in range(3):
    ...         exp.metrics("train").log(loss=1 / (step + 1))
    >>> with temporary_run() as exp:
    ...     train(exp)
    ...     run = recorded(exp)
    >>> run.params
    {'lr': 0.1}
    >>> [point["loss"] for point in run.metrics["train"]]
    [1.0, 0.5, 0.3333333333333333]
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_dash.experiment import Experiment

__all__ = ["RecordedRun", "recorded", "temporary_run"]

_ALL = 2**62


@dataclass(frozen=True)
class RecordedRun:
    """Everything that a run holds, as plain Python values.

    Attributes:
        params: Parameters with dotted keys.
        logs: Log lines in order: ``sequenceNumber``, ``timestamp``, ``level``, ``message`` and,
            where given, ``metadata``.
        metrics: For each metric (None for the unnamed one) its points in order, without index.
        tracks: For each topic its entries in order of storage.
        files: For each file, as ``folder/name``, its record.
        document: The content of ``experiment.json``: name, status, times and so on.
    """

    params: dict[str, Any]
    logs: list[dict[str, Any]]
    metrics: dict[str | None, list[dict[str, Any]]]
    tracks: dict[str, list[dict[str, Any]]]
    files: dict[str, dict[str, Any]]
    document: dict[str, Any]


@contextmanager
def temporary_run(prefix: str = "tests/project/run", **kwargs: Any) -> Iterator[Experiment]:
    """Open a run in a folder of its own, and remove the folder at the end.

    Args:
        prefix: The run's prefix.
        **kwargs: Other arguments of ``Experiment``; ``echo`` is False when omitted and
            ``error_mode`` is ``"strict"``, so that no failure goes unseen in a test.

    Yields:
        The open experiment.

    Raises:
        MLDashError: anything that goes wrong in the run.
    """
    root = Path(tempfile.mkdtemp(prefix="ml-dash-test-"))
    options = {"echo": False, "error_mode": "strict", "dash_root": root, **kwargs}
    try:
        with Experiment(prefix, **options).run as experiment:
            yield experiment
    finally:
        shutil.rmtree(root)


def recorded(experiment: Experiment) -> RecordedRun:
    """Return everything a run holds on disk now; works while it is open and afterwards.

    Raises:
        CorruptDataError: something in the run is damaged.
    """
    store = experiment._run_store
    files = store.files.list(None, None)
    return RecordedRun(
        params=store.params.read() or {},
        logs=list(store.logs.read(0, _ALL)),
        metrics={m.name: [p["data"] for p in m.read(0, _ALL)] for m in store.metrics.readers()},
        tracks={track.topic: track.entries() for track in store.tracks.readers()},
        files={f"{f['path'].rstrip('/')}/{f['filename']}".lstrip("/"): f for f in files},
        document=store.document.read() or {},
    )
