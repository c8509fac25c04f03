"""Files through `ml-dash server`: speed, and memory that does not grow with the file.

    python benchmarks/server_files.py [--mib 1024] [--files s3://bucket/prefix?endpoint=...]

One file goes up and comes down, whole and in ranges, each while the server's resident memory is
looked at. `resident_peak` is the highest since the server started, as the kernel counted it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
from common import free_port, put, serving

BLOCK = bytes(range(256)) * 4096
RANGES = 200


def form(mib: int, experiment: str, digest: str) -> Iterator[bytes]:
    """Yield a form with a file of some MiB, block by block."""
    fields = {"type": "FILE", "experimentId": experiment, "name": "large.bin", "checksum": digest}
    for name, value in fields.items():
        head = f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'
        yield f"{head}{value}\r\n".encode()
    yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="large.bin"\r\n\r\n'
    for number in range(mib):
        yield number.to_bytes(8, "big") + BLOCK[8:]
    yield b"\r\n--b--\r\n"


def digest_of(mib: int) -> str:
    """Return the SHA-256 of the file."""
    found = hashlib.sha256()
    for number in range(mib):
        found.update(number.to_bytes(8, "big") + BLOCK[8:])
    return found.hexdigest()


def memory(server: psutil.Process) -> dict[str, float]:
    """Return what a process has in memory now, and the most that it had, in MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(lines[key].split()[0]) / 1024 for name, key in
            (("resident_mib", "VmRSS"), ("resident_peak_mib", "VmHWM"))}  # fmt: skip


def measured(client: httpx.Client, server: psutil.Process, mib: int) -> dict[str, Any]:
    """Send a file, fetch it, and return the figures."""
    body = {"type": "EXPERIMENT", "name": "run", "parentId": "ROOT", "projectSlug": "files"}
    opened = client.post("/api/namespaces/bench/nodes", json=body).raise_for_status().json()
    digest = digest_of(mib)
    result: dict[str, Any] = {"before": memory(server)}
    begun = time.perf_counter()
    sent = client.post(
        "/api/namespaces/bench/nodes", content=form(mib, opened["experiment"]["id"], digest),
        headers={"content-type": "multipart/form-data; boundary=b"},
    ).raise_for_status()  # fmt: skip
    result["up"] = {"mib_per_s": mib / (time.perf_counter() - begun), **memory(server)}
    path = f"/api/nodes/{sent.json()['node']['id']}/download"
    begun, found = time.perf_counter(), hashlib.sha256()
    with client.stream("GET", path) as reply:
        for block in reply.iter_raw(1 << 20):
            found.update(block)
    assert found.hexdigest() == digest
    result["down"] = {"mib_per_s": mib / (time.perf_counter() - begun), **memory(server)}
    begun = time.perf_counter()
    for number in range(RANGES):
        start = number * mib // RANGES << 20
        part = client.get(path, headers={"range": f"bytes={start}-{start + 7}"})
        assert part.content == (start >> 20).to_bytes(8, "big")
    result["range_ms"] = (time.perf_counter() - begun) / RANGES * 1e3
    return result


def main() -> None:
    """Measure, and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--files", help="as that of `ml-dash server`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        command = [sys.executable, "-m", "ml_dash.cli", "server", "--no-auth", "--port", str(port)]
        command += ["--data", f"{name}/data"]
        command += ["--files", options.files] if options.files else []
        address = f"http://127.0.0.1:{port}"
        with (
            serving(command, address, Path(name) / "log") as server,
            httpx.Client(base_url=address, timeout=600) as client,
        ):
            put(measured(client, server, options.mib), None)


if __name__ == "__main__":
    main()
