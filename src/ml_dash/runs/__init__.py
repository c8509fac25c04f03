"""Runs to look at, on this machine or on a server, all in one form.

Examples:
    >>> import tempfile
    >>> from ml_dash import Experiment
    >>> from ml_dash.runs import local_runs, where
    >>> root = tempfile.mkdtemp()
    >>> with Experiment("alice/vision/first", dash_root=root, echo=False).run as experiment:
    ...     _ = experiment.params.set(lr=0.001)
    >>> good = where("params.lr < 0.01 and status == 'COMPLETED'")
    >>> [run.path for run in local_runs(root) if good(run)]
    ['alice/vision/first']
"""

from __future__ import annotations

from ml_dash.runs.local import FolderRun, local_runs
from ml_dash.runs.remote import ServerRun, find_run, server_runs
from ml_dash.runs.run import KINDS, Facts, KeyStats, Run, Series
from ml_dash.runs.values import MISSING, value_of
from ml_dash.runs.where import where

__all__ = [
    "KINDS", "MISSING", "Facts", "FolderRun", "KeyStats", "Run", "Series", "ServerRun", "find_run",
    "local_runs", "server_runs", "value_of", "where",
]  # fmt: skip
