"""Store files in a run that goes to a server, in this process; print JSON. Run by delivery.py."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from pathlib import Path

from ml_dash import Experiment

SIZE_BYTES = 1000
FOLDERS = 100


def main() -> None:
    """Store small files, or a large one, close, and tell how long that took."""
    url, prefix, root, count, large_bytes, folder = sys.argv[1:]
    source = Path(folder) / "source.bin"
    with contextlib.redirect_stdout(sys.stderr):
        experiment = Experiment(prefix, dash_url=url, dash_root=root or None)
        experiment.run.start()
        if int(large_bytes):
            with source.open("wb") as file:
                file.truncate(int(large_bytes))
        # Each is a file of its own: 0.6 reads what was there at the call when it sends it, later.
        small = [made(Path(folder) / f"source-{number}", number) for number in range(int(count))]
        begun = time.perf_counter()
        for number, path in enumerate(small):
            experiment.files(f"part-{number % FOLDERS}").upload(path, to=f"{number}.bin")
        if int(large_bytes):
            experiment.files("large").upload(str(source), to="large.bin")
        experiment.run.complete()
        took_s = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"took_s": took_s, "cpu_s": used.ru_utime + used.ru_stime, "rss_mib": peak_mib()}
    print(json.dumps(told))


def made(path: Path, number: int) -> str:
    """Write a small file, and return where it is."""
    path.write_bytes(b"%d" % number * (SIZE_BYTES // len(str(number))))
    return str(path)


def peak_mib() -> float:
    """Return the most memory that this program has had; getrusage counts who started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
