"""Bringing folders of runs to a server, whoever wrote them: ml-dash 0.7, or 0.6.

What :func:`upload` sends is noted in each run's folder, as delivery notes it: sent again, a run
sends what is new, and nothing twice.
"""

from __future__ import annotations

from ml_dash.runs.folders import Contents, LocalRun, Skipped, find_runs, look
from ml_dash.upload.sending import Uploaded, upload
from ml_dash.upload.track_file import SentTrack, send_track_file

__all__ = [
    "Contents", "LocalRun", "SentTrack", "Skipped", "Uploaded", "find_runs", "look",
    "send_track_file", "upload",
]  # fmt: skip
