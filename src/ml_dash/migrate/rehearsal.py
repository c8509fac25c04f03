"""Rehearsing 1.0: a program is run again and again, with another call failing each time."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from ml_dash.exceptions import UsageError
from ml_dash.migrate.injection import FOLDER, MET, PLAN, RAISED, Call

HANDLED: Final = "handled"
CRASHED: Final = "crashed"
NEVER: Final = "never reached"
HUNG: Final = "hung"
TOO_LONG: Final = -(10**6)
"""The exit code of a program that was stopped because it took too long."""

_TAIL_LINES: Final = 12
_NOT_THE_USERS: Final = re.compile(
    r'^  File "(?:<frozen \w+>|[^"\n]*[/\\]ml_dash[/\\]migrate[/\\]injection\.py)".*\n'
    r"(?:    .*\n)*", re.M,
)  # fmt: skip
"""Frames of a traceback that say nothing about the program."""
_TAIL_BYTES: Final = 1 << 16
_LEAST_S: Final = 60.0
_LONGER: Final = 10


@dataclass(frozen=True)
class Expected:
    """A call that is known from elsewhere: if it is not met, it was never reached.

    Attributes:
        file: Where it is.
        first_line: The first of its lines.
        last_line: The last of them.
        api: What is called.
    """

    file: str
    first_line: int
    last_line: int
    api: str

    def is_met_by(self, call: Call) -> bool:
        """Tell whether a call that was met is this one."""
        return (
            self.api == call.api and self.first_line <= call.line <= self.last_line
            and os.path.realpath(self.file) == os.path.realpath(call.file)
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a program made of a call that failed.

    Attributes:
        call: The call.
        outcome: ``handled``, ``crashed``, ``hung`` or ``never reached``.
        said: The end of what it wrote to stderr, when it did not handle the error.
    """

    call: Call
    outcome: str
    said: str = ""


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsal.

    Attributes:
        exit_code: Of the program under the preview of 1.0, with nothing failing.
        said: The end of what it wrote to stderr then, if it failed.
        outcomes: One for each call that was met, or was expected.
    """

    exit_code: int
    said: str
    outcomes: list[Outcome]

    @property
    def is_ready(self) -> bool:
        """Whether the program runs, and handles each error that it met.

        What it never reached was not tried; ``outcomes`` says what that is.
        """
        return self.exit_code == 0 and all(
            each.outcome in (HANDLED, NEVER) for each in self.outcomes
        )


def rehearse(
    command: Sequence[str],
    *,
    expected: Iterable[Expected] = (),
    timeout_s: float | None = None,
    seen: Callable[[int, int], object] = lambda _done, _total: None,
) -> Rehearsed:
    """Run a program under the preview of 1.0, then once for each call that may raise there.

    Args:
        command: The program, such as ``["python", "train.py"]``; it must come to an end.
        expected: Calls that are known from elsewhere: those that are not met count as never
            reached.
        timeout_s: How long one run may take, in seconds; if None, the first one as long as it
            likes, and each other ten times as long as that, and at least a minute.
        seen: Called before each run, with how many are done and how many there are.

    Raises:
        UsageError: the program cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="ml-dash-rehearsal-") as name:
        folder = Path(name)
        seen(0, 1)
        began_s = time.monotonic()
        code, said = _run(command, folder, timeout_s)
        timeout_s = timeout_s or max(_LEAST_S, _LONGER * (time.monotonic() - began_s))
        met = _read(folder / MET)
        outcomes: list[Outcome] = []
        if code == 0:
            for number, call in enumerate(met, 1):
                seen(number, len(met) + 1)
                outcomes.append(_failing(command, folder, call, timeout_s))
        outcomes += [Outcome(Call(each.file, each.first_line, each.api, ""), NEVER)
                     for each in dict.fromkeys(expected)
                     if not any(map(each.is_met_by, met))]  # fmt: skip
        return Rehearsed(code, said if code else "", outcomes)


def _failing(
    command: Sequence[str], folder: Path, call: Call, timeout_s: float | None
) -> Outcome:
    (folder / PLAN).write_text(json.dumps(asdict(call)))
    (folder / RAISED).unlink(missing_ok=True)
    code, said = _run(command, folder, timeout_s)
    if code == TOO_LONG:
        return Outcome(call, HUNG, said)
    if code:  # also where the call was not reached this time: it did run to its end before
        return Outcome(call, CRASHED, said)
    return Outcome(call, HANDLED if (folder / RAISED).exists() else NEVER)


def _run(command: Sequence[str], folder: Path, timeout_s: float | None) -> tuple[int, str]:
    """Run the program; return its exit code and the end of what it wrote to stderr."""
    settings = {**os.environ, "ML_DASH_FUTURE_STRICT": "1", FOLDER: str(folder)}
    # A file, not a pipe: children that go on after the program are not waited for.
    with tempfile.TemporaryFile() as said:
        try:
            program = subprocess.Popen(
                list(command), env=settings, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=said, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            hint = "Write it as: ml-dash migrate rehearse -- python train.py"
            raise UsageError(
                f"{command[0]} cannot be started: {error.strerror}", cause=error, hint=hint
            ) from error
        try:
            code = program.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = TOO_LONG
        finally:
            if program.returncode is None:
                _end(program)
        return code, _tail(said)


def _end(program: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.killpg(program.pid, signal.SIGKILL)
    program.kill()
    program.wait()


def _tail(said: IO[bytes]) -> str:
    said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL_BYTES))
    text = _NOT_THE_USERS.sub("", said.read().decode("utf-8", "replace"))
    return "\n".join(text.rstrip().splitlines()[-_TAIL_LINES:])


def _read(path: Path) -> list[Call]:
    """Return the calls that were noted, each once: several processes may have noted the same."""
    if not path.exists():
        return []
    found = [Call(**json.loads(line)) for line in path.read_text().splitlines()]
    return list(dict.fromkeys(found))
