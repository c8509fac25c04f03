"""Section C.4: a folder that refuses writes for a while: full, read-only, gone, locked."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from tests.durability.reading import (
    RawRun,
    Tally,
    entry_numbers,
    log_numbers,
    point_numbers,
)
from tests.durability.running import PREFIX, TALKING, Room

KINDS = ("metric", "log", "track")
STREAM_OF = {"metric": "metrics", "log": "logs", "track": "tracks"}
"""The ledger's name for each kind."""
LATE = 10
"""Items logged after the folder takes writes again."""


class SmallDisk:
    """A file system of its own, of 1 MB, in memory."""

    def __init__(self, folder: Path, size: str = "1m") -> None:
        self.folder = folder
        self.size = size
        self.root = folder / "store"
        self._ballast = folder / "ballast"
        self._over: list[Path] = []

    def mount(self) -> None:
        """Mount it; needs root."""
        _command("mount", "-t", "tmpfs", "-o", f"size={self.size},mode=777", "tmpfs", self.folder)

    def unmount(self) -> None:
        """Unmount it, whatever is mounted inside."""
        self.writable()
        _command("umount", "--lazy", self.folder)

    def grow(self) -> None:
        """Give it room."""
        _command("mount", "-o", "remount,size=256m", self.folder)

    def fill(self) -> None:
        """Leave not a byte free."""
        with self._ballast.open("wb", buffering=0) as file:
            while _fits(file):
                pass

    def free(self) -> None:
        """Take the filling away."""
        self._ballast.unlink()

    def read_only(self, folder: Path) -> None:
        """Make a folder read-only for whatever is opened from now on."""
        _command("mount", "--bind", folder, folder)
        self._over.append(folder)
        _command("mount", "-o", "remount,ro,bind", folder)

    def writable(self) -> None:
        """Undo :meth:`read_only`."""
        while self._over:
            _command("umount", "--lazy", self._over.pop())


def _fits(file: FileIO) -> bool:
    try:
        return bool(file.write(b"x" * 4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _command(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def without_override() -> tuple[str, ...]:
    """Return a command under which even root must have permission."""
    if os.geteuid():
        return ()
    setpriv = shutil.which("setpriv")
    assert setpriv, "root passes every permission check; install util-linux's setpriv"
    return (setpriv, "--bounding-set", "-dac_override,-dac_read_search",
            "--inh-caps", "-dac_override,-dac_read_search")


@dataclass
class Outage:
    """What a worker reported of a time without writes, and what is on disk at three moments."""

    report: dict[str, Any]
    exit_code: int
    stderr: str
    during_bad_lines: list[str]
    during_early: int
    during: dict[str, set[int]]
    """Numbers on disk during the outage, by kind."""
    during_params: dict[str, Any]
    run: RawRun
    stored: dict[str, list[int]]
    n: int
    warm: int

    def tally(self, kind: str) -> Tally:
        """Compare the accepted numbers of a kind with what is stored at the end."""
        calls = set(range(self.warm)) | set(range(100, 100 + self.n + LATE))
        accepted = calls - set(self.report["refused"][kind])
        return Tally.of(accepted, self.stored[kind])

    def warned(self, key: str = "told") -> list[str]:
        """Return the texts of the data-loss warnings."""
        warnings = self.report[key]["warnings"]
        return [w["text"] for w in warnings if "RuntimeWarning" in w["types"]]


def _numbers(run: RawRun) -> dict[str, list[int]]:
    return {
        "metric": point_numbers(run.points()),
        "log": log_numbers(run.logs()),
        "track": entry_numbers(run.entries()),
    }


def measure(
    room: Room, *, begin: Callable[[Path], None] = lambda _: None,
    end: Callable[[], None] = lambda: None, root: Path | None = None,
    kinds: tuple[str, ...] = KINDS, n: int = 1_000, env: dict[str, str] | None = None,
    wrapper: tuple[str, ...] = (), again: tuple[Callable[[], None], ...] = (), **options: Any,
) -> Outage:
    """Run a worker through an outage.

    Args:
        room: Where, and with which interpreter.
        begin: Makes the run's folder refuse writes.
        end: Makes it take them again.
        root: The ``dash_root``.
        kinds: What to log.
        n: How many of each kind during the outage.
        env: Settings.
        wrapper: A command that starts the interpreter.
        again: Begins and ends a second outage.
        options: Handed to the worker.
    """
    worker = room.start(
        "outage", root=root, env=env, wrapper=wrapper, popen=TALKING, kinds=list(kinds), n=n,
        again=bool(again), **options)
    run = room.run(root=root)
    try:
        _expect(worker.hear(), "ready", worker)
        begin(run.folder)
        worker.say("go")
        _expect(worker.hear(), "during", worker)
        during = RawRun(run.folder)
        stored_then = {kind: set(found) for kind, found in _numbers(during).items()}
        early, params = len(during.points("early")), during.params()
        end()
        worker.say("go")
        for step, word in zip(again, ("again", "during again"), strict=False):
            _expect(worker.hear(), word, worker)
            step()
            worker.say("go")
        done = worker.finish()
    finally:
        for pipe in (worker.process.stdin, worker.process.stdout):
            assert pipe is not None
            pipe.close()
        worker.end()
    return Outage(done.report, done.exit_code, done.stderr, during.bad_lines, early, stored_then,
                  params, run, _numbers(run), n, options.get("warm", 0))


def _expect(word: str, wanted: str, worker: Any) -> None:
    assert word == wanted, f"{word!r} instead of {wanted!r}: {worker.errors.read_text()[-2000:]}"


# --- causes -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """Why the folder refuses."""

    name: str
    errno: int
    options: tuple[tuple[str, Any], ...] = ()
    refuses_all: bool = True
    """False where a store may manage all the same, with the descriptors it has."""


CAUSES = (
    Cause("disk full", errno.ENOSPC),
    Cause("read-only folder", errno.EROFS),
    Cause("permission lost", errno.EACCES),
    Cause("descriptor limit", errno.EMFILE, (("hog", True),), refuses_all=False),
)


def measure_cause(room: Room, disk: SmallDisk, cause: Cause, **arguments: Any) -> Outage:
    """Run a worker through an outage of one cause; its streams are first used during it."""
    source = room.folder / "source.bin"
    source.write_bytes(b"\x01weights" * 40_000)
    given = {"root": disk.root, "source": str(source), **dict(cause.options), **arguments}
    if cause.name == "disk full":
        return measure(room, begin=lambda _: disk.fill(), end=disk.free, **given)
    if cause.name == "read-only folder":
        return measure(room, begin=disk.read_only, end=disk.writable, **given)
    if cause.name == "permission lost":
        changed: list[tuple[Path, int]] = []

        def lock(folder: Path) -> None:
            for path in [folder, *folder.rglob("*")]:
                changed.append((path, path.stat().st_mode))
            for path, mode in changed:
                path.chmod(mode & ~0o222)

        def unlock() -> None:
            for path, mode in changed:
                if path.exists():
                    path.chmod(mode)

        return measure(room, begin=lock, end=unlock, wrapper=without_override(), **given)
    return measure(room, **given)


def measure_removed(room: Room, **arguments: Any) -> Outage:
    """Remove the run's folder while the run is open; its streams were in use before."""
    outage = measure(room, begin=shutil.rmtree, warm=50, pause_s=0.2, **arguments)
    outage.warm = 0  # whoever removed the folder wanted these gone
    return outage


def measure_full(
    room: Room, disk: SmallDisk, kind: str, n: int = 20_000, **arguments: Any
) -> Outage:
    """Log 20,000 items of one kind to 1 MB, then make room and log 10 more."""
    return measure(room, end=disk.grow, root=disk.root, kinds=(kind,), n=n, **arguments)


def run_folder(root: Path) -> Path:
    """Return where the worker's run lies."""
    return root / PREFIX
