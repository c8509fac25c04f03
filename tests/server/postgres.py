"""A throwaway PostgreSQL cluster: in a temporary folder, on a socket in it, gone with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
from sqlalchemy import create_engine, text

_DEBIAN = Path("/usr/lib/postgresql")
_SUPERUSER = "postgres"


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL that only this machine reaches, through a socket in its folder.

    Attributes:
        folder: Where it is.
        durable: Whether a commit is on the disk when it returns. Without, it survives `kill -9`
            all the same; only a power cut would harm it.
    """

    folder: Path
    durable: bool = False

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database of the cluster."""
        return f"postgresql+psycopg://{_SUPERUSER}@/{database}?host={self.folder}"

    def new_database(self, name: str) -> str:
        """Make an empty database and return its SQLAlchemy URL."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return self.url(name)

    def pid(self) -> int:
        """Return the process id of the postmaster."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = ["listen_addresses=", "max_connections=200"]
        settings += [] if self.durable else ["fsync=off", "full_page_writes=off"]
        options = " ".join([f"-k {self.folder}", *(f"-c {each}" for each in settings)])
        log = self.folder / "log"
        _run("pg_ctl", "start", "-w", "-t", "60", "-D", self.folder / "data", "-l", log,
             "-o", options)  # fmt: skip

    def kill(self, *, postmaster_only: bool = False) -> None:
        """Kill the postmaster and its children with -9, and wait until they are gone.

        Args:
            postmaster_only: Leave the children alone, which end when they see that it is gone.
        """
        postmaster = psutil.Process(self.pid())
        processes = [*postmaster.children(recursive=True), postmaster]
        for process in [postmaster] if postmaster_only else reversed(processes):
            with suppress(psutil.NoSuchProcess):  # some end by themselves at any time
                process.kill()
        psutil.wait_procs(processes)

    def kill_backend(self, randomly: Random) -> None:
        """Kill the process of one client with -9: PostgreSQL ends all others and recovers."""
        children = psutil.Process(self.pid()).children()
        backends = [each for each in children if f" {_SUPERUSER} " in _title(each)]
        with suppress(psutil.NoSuchProcess):
            randomly.choice(backends).kill()

    def stop(self) -> None:
        """Stop it without waiting for its clients."""
        _run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.folder / "data")


def _title(process: psutil.Process) -> str:
    """Return what a process of PostgreSQL says that it does; nothing when it has ended."""
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def missing_programs() -> list[str]:
    """Return the programs of PostgreSQL that this machine does not have."""
    return [name for name in ("initdb", "pg_ctl", "postgres") if not _program(name)]


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Make and start a cluster; stop and remove it at the end."""
    # Not below pytest's folder: the path of a socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, *_owner())
        _run("initdb", "-D", folder / "data", "-U", _SUPERUSER, "-A", "trust",
             "--no-sync", "--encoding=UTF8", "--locale=C")  # fmt: skip
        made = Cluster(folder, durable)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)


def _owner() -> tuple[int, int]:
    user = pwd.getpwnam(_SUPERUSER)
    return user.pw_uid, user.pw_gid


def _program(name: str) -> str | None:
    """Return the path of a program; Debian keeps those of PostgreSQL out of PATH."""
    folders = sorted(_DEBIAN.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ["PATH"]]))


def _run(program: str, *arguments: str | Path) -> None:
    path = _program(program)
    assert path is not None, f"{program} is not installed"
    # PostgreSQL refuses to run as root.
    user = _SUPERUSER if os.geteuid() == 0 else None
    done = subprocess.run(
        [path, *arguments], user=user, cwd="/", stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, f"{program}: {done.stdout}"
