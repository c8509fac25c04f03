"""Places for bytes: a folder, and a bucket of a real S3 server on this machine."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ml_dash.server.blobs import BlobStore, open_store

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Run an S3 server in a process of its own, and return its address."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert server.stderr is not None
    told = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in server.stderr)
    address = next(found.group() for found in told if found)
    # Nobody reads its log: a full pipe would stop it.
    drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
    server.stderr.close()
    yield address
    server.kill()
    server.wait()
    drain.wait()


@pytest.fixture(params=["folder", "bucket"])
def files_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Return an empty place as `--files` names it: a folder, then a bucket."""
    if request.param == "folder":
        return str(tmp_path / "files")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    address: str = request.getfixturevalue("s3_server")
    bucket = f"bucket-{next(_NUMBERS)}"
    httpx.put(f"{address}/{bucket}").raise_for_status()
    return f"s3://{bucket}/some/prefix?endpoint={address}&region=us-east-1"


@pytest.fixture
def blobs(files_place: str, tmp_path: Path) -> BlobStore:
    """Return an empty store: each test runs once on a folder, once on a bucket."""
    return open_store(files_place, tmp_path / "incoming")
