"""Real old releases of ml-dash, each in a virtual environment of its own, as black boxes.

The environments are made once with pip and kept in ``ML_DASH_TEST_CACHE`` or, without that
variable, in the user's cache directory. A test that needs one *fails* when pip cannot install it:
a compatibility test that does not run is no evidence.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

CACHE_VARIABLE = "ML_DASH_TEST_CACHE"
RELEASES = ("0.6.13", "0.6.27")
REQUIREMENTS = ("params-proto==3.3.0", "numpy", "pyarrow")
INSTALL_TIMEOUT_S = 900
RUN_TIMEOUT_S = 120


class OldReleaseUnavailableError(RuntimeError):
    """An old release is needed and could not be installed."""


@dataclass(frozen=True)
class Release:
    """One ml-dash to run scripts with: a version and the interpreter that has it."""

    version: str
    python: Path

    def run(
        self,
        script: Path,
        *arguments: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``script`` with this release in ``cwd``, as user ``alice`` with an empty HOME."""
        done = subprocess.run(
            [str(self.python), str(script), *arguments],
            cwd=cwd,
            env=isolated_environment(cwd, env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"ml-dash {self.version}: {script.name} {' '.join(arguments)} ended with "
                f"{done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
            )
        return done


    @contextmanager
    def started(
        self, script: Path, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Start ``script`` as :meth:`run` does, to talk with it; it is killed with the block."""
        with subprocess.Popen(
            [str(self.python), "-u", str(script), *arguments],
            cwd=cwd,
            env=isolated_environment(cwd, env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def isolated_environment(cwd: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without anything of this machine's user, plus ``extra``."""
    home = cwd / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "USER": "alice",
        "LOGNAME": "alice",
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **extra,
    }


def current() -> Release:
    """Return the release under test: ours, with the interpreter that runs the tests."""
    return Release("current", Path(sys.executable))


def ensure(version: str) -> Release:
    """Return release ``version``, installing it first if the cache does not have it.

    Raises:
        OldReleaseUnavailableError: pip could not install it; the text says why.
    """
    tag = f"ml-dash-{version}-py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = cache_dir() / tag
    with _locked(folder.with_suffix(folder.suffix + ".lock")):
        if not _is_whole(folder):
            _install(version, folder)
    return Release(version, _python_of(folder))


def cache_dir() -> Path:
    """Return the directory that keeps the environments, made if need be."""
    chosen = os.environ.get(CACHE_VARIABLE)
    folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("ml-dash-tests"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _python_of(folder: Path) -> Path:
    return folder / "env" / "bin" / "python"


def _is_whole(folder: Path) -> bool:
    """Return whether the environment was finished, and the Python it points to is still there."""
    return (folder / "complete").exists() and _python_of(folder).exists()


def _install(version: str, folder: Path) -> None:
    # Not the environment that runs the tests: the cache outlives it.
    base = getattr(sys, "_base_executable", sys.executable)
    _command([base, "-m", "venv", "--clear", str(folder / "env")], version)
    pip = [str(_python_of(folder)), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _command([*pip, "install", "--quiet", f"ml-dash=={version}", *REQUIREMENTS], version)
    (folder / "complete").write_text("made by tests/compat/old_release.py\n", encoding="utf-8")


def _command(command: Sequence[str], version: str) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=INSTALL_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=tempfile.gettempdir(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unavailable(version, command, str(error)) from error
    if done.returncode:
        raise _unavailable(version, command, done.stderr[-2000:])


def _unavailable(version: str, command: Sequence[str], why: str) -> OldReleaseUnavailableError:
    return OldReleaseUnavailableError(
        f"The compatibility tests run the real ml-dash {version}, and it could not be installed: "
        f"`{' '.join(command)}` failed. Give pip a package registry, or set {CACHE_VARIABLE} to a "
        f"directory where the environment was made before; to leave these tests out, run pytest "
        f'with -m "not old_release". pip said:\n{why}'
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
