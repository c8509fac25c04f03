"""Looking at what delivery needs: the server, the token, the clock, the disk, what is owed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_dash._base.settings import SPOOL_MAX_BYTES
from ml_dash._delivery.bulk import opened
from ml_dash._delivery.identity import check_place
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import TargetFolder, runs_below
from ml_dash.exceptions import MLDashError

_SKEW_MAX_S: Final = 30.0
_FREE_MIN_BYTES: Final = 1 << 30


@dataclass(frozen=True)
class Finding:
    """What one look has found.

    Attributes:
        about: What was looked at.
        good: Whether it is as it should be.
        text: What was found, and what to do.
        url: The server that it is about; empty when it is about none.
    """

    about: str
    good: bool
    text: str
    url: str = ""


def look_at_server(url: str, timeout_s: float = 10.0) -> Iterator[Finding]:
    """Yield whether a server answers, takes the token, and has the same time.

    Raises:
        ConfigurationError: the URL cannot be used.
    """
    server = Server(url, "", timeout_s)
    try:
        token = server.credentials.find()
        words = "found" if token else "none; run `ml-dash login` or set ML_DASH_TOKEN"
        yield Finding("token", token is not None, f"{url}: {words}", url)
        if token is None:
            return
        began_s = time.time()
        user, said_s = server.look()
        took_s = time.time() - began_s
    except MLDashError as error:
        yield Finding("server", False, f"{url}: {error}", url)
        return
    finally:
        server.close()
    yield Finding("server", True, f"{url} answered {user} in {took_s * 1000:.0f} ms", url)
    if said_s is not None:
        skew_s = said_s - (began_s + took_s / 2)
        side = "behind" if skew_s > 0 else "ahead of"
        text = f"{abs(skew_s):.0f} s {side} that of {url}"
        yield Finding("clock", abs(skew_s) <= _SKEW_MAX_S, text, url)


def look_at_disk(folder: Path) -> Finding:
    """Return whether there is room where runs are kept."""
    place = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    free = shutil.disk_usage(place).free
    return Finding("disk", free >= _FREE_MIN_BYTES, f"{free / 2**30:.1f} GiB free for {folder}")


def look_at_spool(root: Path, max_bytes: int) -> Finding:
    """Return how much lies in the spool, and whether a run there is at its limit."""
    sizes = {run: _size_of(run) for run in runs_below(root)}
    full = [run for run, size in sizes.items() if size >= max_bytes]
    text = f"{_runs(len(sizes))} with {sum(sizes.values()) / 2**20:.1f} MiB in {root}"
    if full:
        text += f"; {len(full)} have reached {SPOOL_MAX_BYTES}, such as {full[0]}"
    return Finding("spool", not full, text)


def _size_of(folder: Path) -> int:
    found = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # delivered, and gone, meanwhile
                found += os.lstat(os.path.join(place, name)).st_size
    return found


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


class Runs:
    """What runs still owe, and what was refused.

    Args:
        runs: The runs, each with its folder of delivery.

    Attributes:
        owed_to: The servers that something is owed to, each once.
        findings: What was found.
    """

    def __init__(self, runs: Iterable[tuple[Path, TargetFolder]]) -> None:
        self.owed_to: list[str] = []
        self.findings: list[Finding] = []
        self._pending = self._rejected = self._looked = self._owing = 0
        for run, folder in runs:
            try:
                self._look(run, folder)
            except (MLDashError, OSError) as error:
                self.findings.append(Finding("run", False, f"{run}: {error}"))
        self._sum_up()

    def _look(self, run: Path, folder: TargetFolder) -> None:
        with opened(run, folder) as delivery:
            report = delivery.report()
        self._looked += 1
        self._pending += report.pending
        self._owing += bool(report.pending)
        self._rejected += report.rejected
        if not report.is_complete and report.url not in self.owed_to:
            self.owed_to.append(report.url)
        if report.pending:
            check_place(folder)

    def _sum_up(self) -> None:
        hint = "; deliver with `ml-dash sync`" if self._pending else ""
        text = f"{self._pending} records of {_runs(self._owing)}, out of {self._looked}{hint}"
        self.findings.append(Finding("pending", not self._pending, text))
        hint = "; see `ml-dash rejected list`" if self._rejected else ""
        text = f"{self._rejected} records{hint}"
        self.findings.append(Finding("rejected", not self._rejected, text))
