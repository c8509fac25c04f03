"""Looking at what delivery needs: the server, the token, the clock, the disk, what is owed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml_dash._delivery.bulk import opened
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import TargetFolder
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
    """

    about: str
    good: bool
    text: str


def look_at_server(url: str, timeout_s: float = 10.0) -> Iterator[Finding]:
    """Yield whether a server answers, takes the token, and has the same time.

    Raises:
        ConfigurationError: the URL cannot be used.
    """
    server = Server(url, "", timeout_s)
    try:
        token = server.credentials.find()
        words = "found" if token else "none; run `ml-dash login` or set ML_DASH_TOKEN"
        yield Finding("token", token is not None, words)
        if token is None:
            return
        began_s = time.time()
        user, said_s = server.look()
        took_s = time.time() - began_s
    except MLDashError as error:
        yield Finding("server", False, f"{url}: {error}")
        return
    finally:
        server.close()
    yield Finding("server", True, f"{url} answered {user} in {took_s * 1000:.0f} ms")
    if said_s is not None:
        skew_s = said_s - (began_s + took_s / 2)
        side = "behind" if skew_s > 0 else "ahead of"
        text = f"{abs(skew_s):.0f} s {side} the server's"
        yield Finding("clock", abs(skew_s) <= _SKEW_MAX_S, text)


def look_at_disk(folder: Path) -> Finding:
    """Return whether there is room where runs are kept."""
    place = next(each for each in (folder, *folder.resolve().parents) if each.exists())
    free = shutil.disk_usage(place).free
    return Finding("disk", free >= _FREE_MIN_BYTES, f"{free / 2**30:.1f} GiB free for {folder}")


def look_at_runs(runs: Iterator[tuple[Path, TargetFolder]]) -> Iterator[Finding]:
    """Yield what runs still owe, and what was refused."""
    pending = rejected = looked = 0
    for run, folder in runs:
        try:
            with opened(run, folder) as delivery:
                report = delivery.report()
        except (MLDashError, OSError) as error:
            yield Finding("run", False, f"{run}: {error}")
            continue
        looked += 1
        pending += report.pending
        rejected += report.rejected
    hint = "; deliver with `ml-dash sync`" if pending else ""
    yield Finding("pending", not pending, f"{pending} records of {looked} runs{hint}")
    hint = "; see `ml-dash rejected list`" if rejected else ""
    yield Finding("rejected", not rejected, f"{rejected} records{hint}")
