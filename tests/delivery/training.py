"""A script that trains, in a process of its own, step by step as a test tells it.

It is forked from a process that has everything imported: to start one takes no second.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx  # noqa: F401 - imported once, for all that are forked

from ml_dash import Experiment
from ml_dash._delivery import backoff, bulk, shipper, telling
from ml_dash._delivery.backoff import Backoff
from ml_dash.cli import main
from ml_dash.exceptions import DeliveryTimeoutError, MLDashError

STREAMS = ("metrics/train", "logs", "tracks/robot/pose", "params", "files")
BLOCK = 20
"""Records of each stream that are logged at a time."""
NAME = "ml-dash.test"
"""A host that the script finds on this machine, until it is told that there is no such host."""
_NO_HOST = ".".join(["no-such-host"] * 20)
"""Longer than a name can be: the system's resolver says that there is none, and asks nobody."""
_STEP_MAX_S = 120.0
_RAISED_MAX = 50


@dataclass(frozen=True)
class Setup:
    """How a script is started.

    Attributes:
        prefix: Its run.
        url: Its server.
        root: Its ``dash_root``.
        mode: Its error mode.
        env: Its settings.
        impatient: Whether an outage is told at once and tried again soon, in place of 5 s and up
            to 30 s, and the streams are looked at all the time, in place of once a second.
    """

    prefix: str
    url: str
    root: Path
    mode: str = "permissive"
    env: Mapping[str, str] = field(default_factory=dict)
    impatient: bool = True


@dataclass(frozen=True)
class Poison:
    """What makes a server refuse a record.

    Attributes:
        fields: What a record of a metric, a log, a track and the parameters has besides.
        file: What a file has.
        streams: The streams that have such a record.
    """

    fields: Mapping[str, Any]
    file: bytes = b""
    streams: tuple[str, ...] = STREAMS


@dataclass(frozen=True)
class Seen:
    """What the user of the script saw.

    Attributes:
        raised: The classes of the errors that its calls raised, and their texts.
        warned: The classes of the warnings, and their texts.
        logged: Levels and texts under ``ml_dash``.
    """

    raised: list[tuple[str, str]]
    warned: list[tuple[str, str]]
    logged: list[tuple[int, str]]

    def told(self) -> list[tuple[int, str]]:
        """Return what was logged of failures, as the error mode has them told."""
        return [line for line in self.logged if line[1].startswith("While delivering the run")]

    def recovered(self) -> list[str]:
        """Return what was logged, to be seen, of delivery that works again."""
        ends = ("works again after", "goes on")
        return [t for level, t in self.logged
                if level >= logging.WARNING and any(end in t for end in ends)]  # fmt: skip


class Training:
    """A running script, seen from the test.

    Args:
        setup: How to start it.
    """

    def __init__(self, setup: Setup) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(setup, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.setup = setup

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.setup.root / self.setup.prefix

    def do(self, step: str, *args: Any) -> Any:
        """Let it make a step, and return what comes of it."""
        self.begin(step, *args)
        return self.result(step)

    def begin(self, step: str, *args: Any) -> None:
        """Let it begin a step; :meth:`result` returns what comes of it."""
        self._pipe.send((step, args))

    def result(self, step: str) -> Any:
        """Return what comes of a step that was begun."""
        assert self._pipe.poll(_STEP_MAX_S), f"{step} takes too long"
        done, result = self._pipe.recv()
        assert done, result
        return result

    def wait_a_little(self, part: float) -> None:
        """Return after a while, or when a step that was begun has ended."""
        self._pipe.poll(part * 0.1)

    def seen(self) -> Seen:
        """Return what its user has seen so far."""
        found: Seen = self.do("seen")
        return found

    def stop(self) -> None:
        """Let it sleep, as a laptop whose lid is closed."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Wake it up."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as nothing can foresee."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def _signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


def run_command(setup: Setup, *words: str) -> tuple[int, Seen]:
    """Run ``ml-dash`` in a process of its own; return its exit code, and what was logged."""
    command = Training(setup)
    try:
        return command.do("command", *words), command.seen()
    finally:
        command.kill()


# --- in the script's process ----------------------------------------------------------------------


def _serve(setup: Setup, pipe: Connection) -> None:
    script = _Script(setup)
    while True:
        step, args = pipe.recv()
        try:
            pipe.send((True, getattr(script, step)(*args)))
        except Exception as error:  # noqa: BLE001 - it is the test's
            pipe.send((False, f"{step}: {type(error).__name__}: {error}"))


class _Told(logging.Handler):
    """Keeps what is logged, and wakes who waits for it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[int, str]] = []
        self.more = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.more:
            self.lines.append((record.levelno, record.getMessage()))
            self.more.notify_all()


class _Script:
    """The steps of a script."""

    def __init__(self, setup: Setup) -> None:
        for name in [name for name in os.environ if name.startswith("ML_DASH_")]:
            del os.environ[name]
        os.environ.update(setup.env, ML_DASH_QUIET="1", ML_DASH_SPOOL_DIR=str(setup.root / "spool"))
        if setup.impatient:
            backoff.USUAL = Backoff(base_s=0.02, cap_s=0.1)
            telling.TELL_AFTER_S = 0.0
            shipper.POLL_S = 0.05
            bulk._SHORTEST_REST_S = 0.01
        self._setup = setup
        self._raised: list[tuple[str, str]] = []
        self._warned: list[tuple[str, str]] = []
        self._log = _Told()
        self._finds = True
        self._offset_s = 0.0
        logger = logging.getLogger("ml_dash")
        logger.addHandler(self._log)
        logger.setLevel(logging.INFO)
        warnings.simplefilter("always")
        warnings.showwarning = self._note_warning
        self._own_host()
        self._own_clock()

    def _note_warning(self, message: Warning | str, category: type[Warning], *_: Any) -> None:
        self._warned.append((category.__name__, str(message)))

    def _own_host(self) -> None:
        lookup = socket.getaddrinfo

        def found(host: Any, *args: Any, **kwargs: Any) -> Any:
            if host in (NAME, NAME.encode()):
                host = "127.0.0.1" if self._finds else _NO_HOST
            return lookup(host, *args, **kwargs)

        socket.getaddrinfo = found

    def _own_clock(self) -> None:
        now, now_ns = time.time, time.time_ns
        time.time = lambda: now() + self._offset_s
        time.time_ns = lambda: now_ns() + int(self._offset_s * 1e9)

    def _insist(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        """Make a call of the script until it does not raise."""
        while True:
            try:
                return call(*args, **kwargs)
            except MLDashError as error:
                self._raised.append((type(error).__name__, str(error)))
                assert len(self._raised) < _RAISED_MAX, self._raised

    # -- what a test can ask for -------------------------------------------------------------------

    def open(self) -> str:
        """Start the run; return the class of the error that it raised, if it did."""
        self._exp = Experiment(
            self._setup.prefix, dash_url=self._setup.url, dash_root=self._setup.root,
            error_mode=self._setup.mode, echo=False,
        )  # fmt: skip
        try:
            self._exp.run.start()
        except MLDashError as error:
            self._raised.append((type(error).__name__, str(error)))
            return type(error).__name__
        return ""

    def record(self, start: int, count: int = BLOCK, poison: Poison | None = None) -> None:
        """Log records of each stream; one of each may be poisoned."""
        exp, insist = self._exp, self._insist

        def more(stream: str, number: int = start + count // 2) -> Mapping[str, Any]:
            bad = poison and stream in poison.streams and number == start + count // 2
            return poison.fields if poison and bad else {}

        for number in range(start, start + count):
            insist(exp.metrics("train").log, step=number, loss=float("nan"),
                   **more("metrics/train", number))  # fmt: skip
            insist(exp.metrics("eval/top").log, step=number)
            insist(exp.log, f"line {number}", n=number, **more("logs", number))
            insist(exp.tracks("robot/pose").append, x=number, _ts=float(number),
                   **more("tracks/robot/pose", number))  # fmt: skip
        insist(exp.params.set, **{f"p{start}": start, "last": start})
        self._save(f"w{start}.bin", content_of(start))
        if more("params"):
            insist(exp.params.set, **more("params"))
        if poison and more("files"):
            self._save(f"poison{start}.bin", poison.file)

    def _save(self, name: str, content: bytes) -> None:
        source = self._setup.root / name
        source.write_bytes(content)
        self._insist(self._exp.files("models").save, str(source))

    def flush(self) -> dict[str, Any]:
        """Hand everything over, and return the account."""
        report: dict[str, Any] = self._insist(self._exp.flush).as_dict()
        return report

    def try_flush(self) -> str:
        """Hand over what can be; return the class of the error that says that not all could be."""
        try:
            self._exp.flush()
        except DeliveryTimeoutError as error:
            return type(error).__name__
        except MLDashError as error:
            self._raised.append((type(error).__name__, str(error)))
            return self.try_flush()
        return ""

    def wait_for_answers(self, timeout_s: float) -> None:
        """Let its requests wait so long, from now on."""
        server = self._exp._courier._shipper.delivery.server  # type: ignore[union-attr]
        server._transport._open_session().timeout_s = timeout_s

    def be_told_after(self, lasted_s: float) -> None:
        """Have outages told that last so long."""
        self._exp._courier._shipper.telling._tell_after_s = lasted_s  # type: ignore[union-attr]

    def begin_close(self) -> None:
        """Begin to end the run; :meth:`end_close` returns the account."""
        self._closing = threading.Thread(target=self.close)
        self._closing.start()

    def end_close(self) -> dict[str, Any]:
        """Wait for the end of the run, and return the account."""
        self._closing.join()
        return self._exp.delivery.as_dict()

    def close(self) -> dict[str, Any]:
        """End the run, and return the account."""
        try:
            self._exp.run.complete()
        except MLDashError as error:
            self._raised.append((type(error).__name__, str(error)))
        return self._exp.delivery.as_dict()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Return when a text was logged so often."""
        with self._log.more:
            assert self._log.more.wait_for(
                lambda: sum(text in line for _, line in self._log.lines) >= times, _STEP_MAX_S / 2
            ), self._log.lines

    def seen(self) -> Seen:
        """Return what the user has seen."""
        with self._log.more:
            return Seen(list(self._raised), list(self._warned), list(self._log.lines))

    def set_token(self, token: str) -> None:
        """Give it another token."""
        os.environ["ML_DASH_TOKEN"] = token

    def find_host(self, finds: bool) -> None:
        """Let it find the host of the server, or not."""
        self._finds = finds

    def shift_clock(self, by_s: float) -> None:
        """Let its clock jump."""
        self._offset_s += by_s

    def command(self, *words: str) -> int:
        """Run a command, and return its exit code."""
        return main(list(words))


def content_of(start: int) -> bytes:
    """Return the bytes of a file."""
    return f"weights {start} ".encode() * 500

