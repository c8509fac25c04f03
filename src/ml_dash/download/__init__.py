"""Bringing runs from a server into folders of this machine.

A downloaded run is a folder like any other: it can be read, continued, and uploaded elsewhere; to
the server that it came from there is nothing to upload.
"""

from __future__ import annotations

from ml_dash.download.export import FORMATS, export_run, export_track
from ml_dash.download.fetching import Downloaded, download

__all__ = [
    "FORMATS", "Downloaded", "download", "export_run", "export_track",
]  # fmt: skip
