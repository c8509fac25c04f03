"""Each error mode while the disk refuses: what is raised, warned of, logged and kept."""

from __future__ import annotations

import asyncio
import errno
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash.exceptions import (
    DataLossWarning,
    LocalWriteError,
    MLDashError,
    PrefixError,
    ShutdownIncompleteError,
)
from tests.contract.refusing import refusing

MODES = ("strict", "default", "permissive")
TOLERANT = ("default", "permissive")
Call = Callable[[Experiment], Any]

LOGGING: dict[str, Call] = {
    "log": lambda exp: exp.log("lost?"),
    "logs.error": lambda exp: exp.logs.error("lost?"),
    "metric": lambda exp: exp.metrics("m").log(n=1),
    "metric with a time": lambda exp: exp.metrics("m").log(n=1, _ts=5),
    "new metric": lambda exp: exp.metrics("new").log(n=1),
    "several metrics": lambda exp: exp.metrics.log(train={"n": 1}, n=2),
    "track": lambda exp: exp.tracks("t").append(_ts=1, n=1),
    "new track": lambda exp: exp.tracks("new").append(_ts=1, n=1),
}
ASKING: dict[str, Call] = {
    "params.set": lambda exp: exp.params.set(b=2),
    "files.upload": lambda exp: exp.files("f").upload(__file__),
    "files.save_text": lambda exp: exp.files("f").save_text("x", to="x.txt"),
    "files.save_json": lambda exp: exp.files("f").save_json({"a": 1}, to="x.json"),
}
KINDS = ("logs", "metrics", "tracks")


def opened(folder: Path, mode: str, **options: Any) -> Experiment:
    """Return an open run that has one of everything."""
    exp = Experiment("o/p/n", dash_root=folder, error_mode=mode, echo=False, **options)
    exp.run.start()
    exp.log("first")
    exp.metrics("m").log(n=0)
    exp.tracks("t").append(_ts=0, n=0)
    exp.params.set(a=1)
    return exp


def counts(exp: Experiment) -> dict[str, int]:
    """Return how many records of each kind wait."""
    return {kind: exp.ledger().streams[kind].waiting for kind in KINDS}


def log(exp: Experiment, points: int) -> None:
    """Log points to one metric."""
    for n in range(points):
        exp.metrics("m").log(n=n)


def line_of(call: Call) -> int:
    """Return the line that a call of this file stands in."""
    return call.__code__.co_firstlineno


@pytest.mark.parametrize("name", LOGGING)
def test_a_logging_call_raises_in_strict_mode(name: str, tmp_path: Path) -> None:
    """At once, typed, with what was kept; nothing of it is accepted, and the next call works."""
    exp = opened(tmp_path, "strict")
    accepted = {kind: row.accepted for kind, row in exp.ledger().streams.items()}
    with refusing(), pytest.raises(LocalWriteError) as caught:
        LOGGING[name](exp)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.kept
    assert caught.value.hint
    assert str(exp.folder) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert {kind: row.accepted for kind, row in exp.ledger().streams.items()} == accepted
    LOGGING[name](exp)
    exp.run.complete()
    assert sum(row.accepted for row in exp.ledger().streams.values()) > sum(accepted.values())


@pytest.mark.parametrize("mode", TOLERANT)
@pytest.mark.parametrize("name", LOGGING)
def test_a_logging_call_warns_in_the_other_modes(
    name: str, mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One DataLossWarning at the user's line, one ERROR with its traceback; nothing is lost."""
    exp = opened(tmp_path, mode)
    before = {kind: exp.ledger().streams[kind].accepted for kind in KINDS}
    with refusing(), pytest.warns(DataLossWarning) as told:
        LOGGING[name](exp)
    assert [(w.filename, w.lineno) for w in told] == [(__file__, line_of(LOGGING[name]))]
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert [(r.name, r.exc_info is not None) for r in errors] == [("ml_dash.store", True)]
    assert errors[0].ml_dash_code == LocalWriteError.code  # type: ignore[attr-defined]
    waiting = sum(counts(exp).values())
    assert waiting == (2 if name == "several metrics" else 1)
    exp.run.complete()
    assert sum(counts(exp).values()) == 0
    after = {kind: exp.ledger().streams[kind].stored for kind in KINDS}
    assert sum(after.values()) == sum(before.values()) + waiting
    assert exp.ledger().lost == 0


@pytest.mark.parametrize("name", ["log", "metric", "track"])
def test_without_buffering_it_is_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.6 dropped such a record with a warning; it waits, or raises in strict mode."""
    monkeypatch.setenv("ML_DASH_BUFFER_ENABLED", "false")
    exp = opened(tmp_path / "strict", "strict")
    with refusing(), pytest.raises(LocalWriteError):
        LOGGING[name](exp)
    exp.run.complete()
    exp = opened(tmp_path / "default", "default")
    with refusing(), pytest.warns(DataLossWarning, match="1 record waits"):
        LOGGING[name](exp)
    exp.run.complete()
    assert sum(exp.ledger().streams[kind].stored for kind in KINDS) == 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ASKING)
def test_who_asks_for_an_effect_hears_of_its_failure(name: str, mode: str, tmp_path: Path) -> None:
    """Raised in every mode as a typed OSError; nothing was changed, nothing waits."""
    exp = opened(tmp_path, mode)
    with refusing(), pytest.raises(MLDashError) as caught:
        ASKING[name](exp)
    assert isinstance(caught.value, OSError)
    assert caught.value.errno == errno.EFBIG
    assert caught.value.kept
    assert exp.params.get() == {"a": 1}
    assert exp.files().list() == []
    ASKING[name](exp)
    exp.run.complete()


def test_flush_raises_in_strict_mode(tmp_path: Path) -> None:
    """What was logged is on disk; that the snapshots are not is raised."""
    exp = opened(tmp_path, "strict")
    with refusing(), pytest.raises(LocalWriteError, match="Kept: all accepted records"):
        exp.flush()
    exp.run.complete()


@pytest.mark.parametrize("flush", ["exp", "metrics", "metric", "tracks", "track"])
@pytest.mark.parametrize("mode", TOLERANT)
def test_flush_that_cannot_write_says_how_much_waits(mode: str, flush: str, tmp_path: Path) -> None:
    """0.6 returned as if all had been written."""
    exp = opened(tmp_path, mode)
    parts: dict[str, Any] = {"exp": exp, "metrics": exp.metrics, "metric": exp.metrics("m"),
                             "tracks": exp.tracks, "track": exp.tracks("t")}  # fmt: skip
    with refusing():
        with pytest.warns(DataLossWarning):
            exp.tracks("t").append(_ts=1, n=1)
        with pytest.warns(DataLossWarning, match="1 record from memory"):
            parts[flush].flush()
    parts[flush].flush()
    assert counts(exp)["tracks"] == 0
    exp.run.complete()


@pytest.mark.parametrize("mode", TOLERANT)
def test_closing_says_what_is_lost(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Exactly as many as wait; that the end is not recorded is told as well."""
    exp = opened(tmp_path, mode)
    with refusing():
        with pytest.warns(DataLossWarning):
            log(exp, 7)
        with pytest.warns(DataLossWarning) as told:
            exp.run.complete()
    assert ["7 accepted records" in str(told[0].message), "end of the run" in str(told[1].message)
            ] == [True, True]  # fmt: skip
    assert len(told) == 2
    assert exp.ledger().lost == 7
    assert not exp._is_open
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 1 + len(told)


def test_closing_raises_in_strict_mode(tmp_path: Path) -> None:
    """After everything was tried; the run counts as closed, and can be opened again."""
    exp = opened(tmp_path, "strict")
    with refusing(), pytest.raises(LocalWriteError):
        exp.run.complete()
    assert not exp._is_open
    with exp.run:
        exp.metrics("m").log(n=1)
        assert len(exp.metrics("m").read()["data"]) == 2


@pytest.mark.parametrize("mode", MODES)
def test_closing_never_hides_the_exception_of_the_block(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is what comes out; what closing met is logged."""
    exp = opened(tmp_path, mode)
    with (
        warnings.catch_warnings(record=True),
        pytest.raises(ZeroDivisionError),
        refusing(),
        exp.run,
    ):
        _ = 1 / 0
    assert [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert not exp._is_open


def test_values_whose_summary_is_refused_are_kept(tmp_path: Path) -> None:
    """The summary can be made when the disk takes it, of all values in their order."""
    exp = opened(tmp_path, "strict")
    exp.metrics("a").buffer(x=1)
    exp.metrics("b").buffer(x=2)
    exp.metrics("c").summary_cache.store(x=3)
    with refusing():
        with pytest.raises(LocalWriteError):
            exp.metrics.buffer.log_summary("mean")
        with pytest.raises(LocalWriteError):
            exp.metrics("c").summary_cache.summarize()
    exp.metrics("a").buffer(x=5)
    assert exp.metrics.buffer.peek("a") == {"x": [1.0, 5.0]}
    with refusing(), pytest.raises(LocalWriteError):
        exp.run.complete()
    with exp.run:
        exp.metrics.buffer.log_summary("mean")
        exp.metrics("c").summary_cache.summarize()
        stored = {name: exp.metrics(name).read()["data"] for name in "abc"}
    assert [stored["a"][0]["data"], stored["b"][0]["data"]] == [{"x.mean": 3.0}, {"x.mean": 2.0}]
    assert stored["c"][0]["data"]["x.mean"] == 3.0
    assert [len(points) for points in stored.values()] == [1, 1, 1]


def test_warnings_as_errors_double_no_summary(tmp_path: Path) -> None:
    """A summary whose call raised its warning waits, and is not made again at the close."""
    exp = opened(tmp_path, "default")
    exp.metrics("a").buffer(x=1)
    exp.metrics("c").summary_cache.store(x=3)
    with refusing():
        with pytest.raises(DataLossWarning):
            exp.metrics.buffer.log_summary("mean")
        exp.metrics("c").summary_cache.summarize()
    exp.run.complete()
    with exp.run:
        assert [len(exp.metrics(name).read()["data"]) for name in "ac"] == [1, 1]


LEFT_OPEN = """
import resource, sys
from ml_dash import Experiment
for name in "ab":
    exp = Experiment(f"o/p/{name}", dash_root=sys.argv[1], error_mode=sys.argv[2], echo=False)
    exp.run.start()
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [(), ("-W", "error")], ids=["", "-W error"])
def test_what_closing_at_exit_meets_is_told(
    options: tuple[str, ...], mode: str, tmp_path: Path
) -> None:
    """Of each run that is left open, whatever the others met; the exit code is Python's."""
    done = subprocess.run([sys.executable, *options, "-c", LEFT_OPEN, str(tmp_path), mode],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0
    for name in "ab":
        assert f"Cannot write the end of the run to {tmp_path}/o/p/{name}" in done.stderr


def in_a_thread(call: Callable[[], None]) -> None:
    """Run a call in a thread of its own."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def in_asyncio(call: Callable[[], None]) -> None:
    """Run a call in a task."""

    async def task() -> None:
        call()

    asyncio.run(task())


def in_a_pool_of_asyncio(call: Callable[[], None]) -> None:
    """Run a call in the thread pool of an event loop."""

    async def main() -> None:
        await asyncio.to_thread(call)

    asyncio.run(main())


@pytest.mark.parametrize("run", [in_a_thread, in_asyncio, in_a_pool_of_asyncio])
def test_the_line_named_is_the_users(run: Callable[[Any], None], tmp_path: Path) -> None:
    """Also where a thread or a task makes the call."""
    exp = opened(tmp_path, "default")

    def step() -> None:
        exp.metrics("m").log(n=1)

    with refusing(), pytest.warns(DataLossWarning) as told:
        run(step)
    assert [(w.filename, w.lineno) for w in told] == [(__file__, line_of(step) + 1)]  # type: ignore[arg-type]
    exp.run.complete()


def test_repeats_are_folded_with_a_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of 1,000 refused writes the 1st, 10th, 100th and 1,000th are told, each with the total."""
    exp = opened(tmp_path, "default")
    with refusing(), pytest.warns(DataLossWarning) as told:
        log(exp, 1000)
    shown = [str(w.message) for w in told]
    assert ["1 record waits" in shown[0], "10 records" in shown[1], "100 records" in shown[2],
            "1000 records" in shown[3]] == [True] * 4  # fmt: skip
    assert len(shown) == 4
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 4
    exp.flush()
    assert "1000 records that had to wait now on disk" in caplog.text
    exp.run.complete()


@pytest.mark.parametrize("durability", ["process", "batch"])
@pytest.mark.parametrize("mode", TOLERANT)
def test_warnings_as_errors_lose_nothing(
    mode: str, durability: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ``-W error`` a call may raise its warning; every record is stored all the same."""
    monkeypatch.setenv("ML_DASH_DURABILITY", durability)
    exp = opened(tmp_path, mode)
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    raised = 0
    with refusing():
        for n in range(1, 51):
            try:
                exp.metrics.log(m={"n": n}, other={"n": n})
                exp.flush()
            except DataLossWarning:
                raised += 1
    assert raised
    exp.run.complete()
    assert died == []
    with exp.run:
        others = exp.metrics("other").read()["data"]
        assert [p["data"]["n"] for p in others] == list(range(1, 51))
        assert [p["data"]["n"] for p in exp.metrics("m").read()["data"]] == list(range(51))
    assert exp.ledger().lost == 0


@pytest.mark.parametrize("mode", MODES)
def test_the_thread_that_writes_what_gathered_survives(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is no refusal of the disk reaches the user's next call, in every mode."""
    monkeypatch.setenv("ML_DASH_DURABILITY", "batch")
    exp = opened(tmp_path, mode)
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    store = exp._run_store
    stream = store.metrics.writer("late").stream
    folder = exp.folder / "metrics" / "late"
    stream.close()
    (folder / "data.jsonl").unlink(missing_ok=True)
    (folder / "data.jsonl").symlink_to(tmp_path / "outside")
    exp.metrics("late").log(n=1)
    store._write_gathered()
    with pytest.raises(PrefixError, match="symbolic link"):
        exp.metrics("m").log(n=1)
    (folder / "data.jsonl").unlink()
    exp.run.complete()
    assert died == []
    with exp.run:
        assert [p["data"] for p in exp.metrics("late").read()["data"]] == [{"n": 1}]


def test_a_batch_without_room_raises_its_refusal_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing may wait, a record is written or refused at once, never a bare OSError."""
    monkeypatch.setenv("ML_DASH_DURABILITY", "batch")
    monkeypatch.setenv("ML_DASH_BACKLOG_MAX_BYTES", "0")
    exp = opened(tmp_path, "default")
    with refusing(), pytest.warns(DataLossWarning, match="are not kept"):
        exp.log("no room")
    assert exp.ledger().streams["logs"].refused == 1
    exp.run.complete()


@pytest.mark.parametrize("mode", TOLERANT)
def test_warnings_as_errors_do_not_stop_a_close(mode: str, tmp_path: Path) -> None:
    """The close raises one warning after all its steps; the run is closed."""
    exp = opened(tmp_path, mode)
    with refusing():
        with pytest.raises(DataLossWarning):
            exp.metrics("m").log(n=1)
        with pytest.raises((DataLossWarning, ShutdownIncompleteError)):
            exp.run.complete()
    assert not exp._is_open
    assert exp.ledger().lost == 1
