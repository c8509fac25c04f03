"""Fixtures of the durability tests.

``ML_DASH_TEST_PYTHON`` names the interpreter whose ml-dash is tested (default: this one), so that
the same tests can be shown to fail on an older release.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.running import Room
from tests.durability.scenarios.disk import SmallDisk


@pytest.fixture(scope="session")
def interpreter() -> str:
    """Return the interpreter whose ml-dash is tested."""
    return os.environ.get("ML_DASH_TEST_PYTHON", sys.executable)


@pytest.fixture
def room(tmp_path: Path, interpreter: str) -> Room:
    """Return a folder for one scenario."""
    return Room(tmp_path, interpreter)


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """Mount a file system of 1 MB.

    Not below ``tmp_path``: pytest would walk into it when it removes old folders.
    """
    if os.environ.get("ML_DASH_TEST_NO_MOUNT") == "1":
        pytest.skip("ML_DASH_TEST_NO_MOUNT=1: full and read-only disks are not tested")
    folder = Path(tempfile.mkdtemp(prefix="ml-dash-small-disk-"))
    disk = SmallDisk(folder)
    try:
        disk.mount()
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder)
        pytest.fail(
            f"Cannot mount a tmpfs on {folder} ({error}). These tests fill a real disk of 1 MB: "
            "run them as root, or set ML_DASH_TEST_NO_MOUNT=1 to leave them out knowingly.")
    try:
        yield disk
    finally:
        disk.unmount()
        folder.rmdir()
