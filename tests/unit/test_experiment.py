"""The experiment: opening, closing, copies, warnings, durability."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_dash.experiment as module
from ml_dash import Experiment, LocalStorage, OperationMode, ml_dash_experiment
from ml_dash.exceptions import (
    ClosedExperimentError,
    LocalWriteError,
    MLDashDeprecationWarning,
    NoBackendError,
    NotOpenError,
    RecoverableWarning,
    RunOpenError,
    UsageError,
    WriteProtectedError,
)
from ml_dash.testing import recorded


def make(tmp_path: Path, **options: object) -> Experiment:
    """Return a quiet local experiment."""
    return Experiment("o/p/n", dash_root=tmp_path, **{"echo": False, **options})


def test_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a server, both; without either there is nothing to record to."""
    monkeypatch.setenv("ML_DASH_SPOOL_DIR", str(tmp_path / "spool"))
    assert make(tmp_path).mode is OperationMode.LOCAL
    assert make(tmp_path, dash_url="http://lab").mode is OperationMode.HYBRID
    remote = Experiment("o/p/n", dash_url=True, dash_root=None)
    assert remote.mode is OperationMode.REMOTE
    assert remote.folder == tmp_path / "spool" / "o" / "p" / "n"
    with pytest.raises(NoBackendError, match="dash_root"):
        Experiment("o/p/n", dash_root=None)


def test_an_offline_run_sends_nothing(tmp_path: Path) -> None:
    """Everything is recorded on disk, and counted as owed to the server."""
    exp = make(tmp_path, dash_url="http://lab", offline=True)
    with exp.run:
        exp.params.set(a=1)
        assert exp.delivery.pending == 2
    assert recorded(exp).params == {"a": 1}


def test_old_argument_names(tmp_path: Path) -> None:
    """They still work, with a warning each; the new name wins."""
    with pytest.warns(MLDashDeprecationWarning, match="local_path"):
        assert Experiment("o/p/n", local_path=str(tmp_path)).folder == tmp_path / "o" / "p" / "n"
    with pytest.warns(MLDashDeprecationWarning, match="remote"):
        exp = make(tmp_path, remote="http://old", dash_url="http://new")
    assert exp._dash_url == "http://new"


def test_an_unknown_keyword_is_named(tmp_path: Path) -> None:
    """It is ignored as in 0.6, with the nearest match."""
    with pytest.warns(MLDashDeprecationWarning, match=r"'eror_mode'.*'error_mode'"):
        make(tmp_path, eror_mode="strict")


def test_a_short_prefix_is_taken_with_a_warning(tmp_path: Path) -> None:
    """It names no owner; its data is where 0.6 put it."""
    with pytest.warns(MLDashDeprecationWarning, match="owner/project/name"):
        exp = Experiment("one", dash_root=tmp_path)
    with exp.run:
        assert exp.folder == tmp_path / "one"


@pytest.mark.parametrize("name", ["params", "logs", "metrics", "tracks", "files"])
def test_nothing_works_before_start_or_after_close(tmp_path: Path, name: str) -> None:
    """Before there is one typed error, afterwards another; both are RuntimeErrors."""
    exp = make(tmp_path)
    with pytest.raises(NotOpenError, match=r"(?i)not started"):
        getattr(exp, name)
    with exp.run:
        getattr(exp, name)
    with pytest.raises(ClosedExperimentError, match=r"(?i)not open") as caught:
        getattr(exp, name)
    assert isinstance(caught.value, RuntimeError)


def test_kept_objects_refuse_after_close(tmp_path: Path) -> None:
    """0.6 took their records and lost them."""
    exp = make(tmp_path)
    with exp.run:
        kept = (exp.params, exp.logs, exp.metrics("m"), exp.tracks("t"), exp.files("f"))
    params, logs, metric, track, files = kept
    for call in (
        lambda: params.set(a=1),
        lambda: logs.info("x"),
        lambda: metric.log(a=1),
        lambda: metric.buffer(a=1),
        lambda: track.append(a=1),
        lambda: files.save_text("x", to="x.txt"),
    ):
        with pytest.raises(ClosedExperimentError):
            call()


def test_reopening_appends(tmp_path: Path) -> None:
    """Indexes and sequence numbers go on, in the same object and in another."""
    exp = make(tmp_path)
    for each in (exp, exp, make(tmp_path)):
        with each.run:
            each.metrics("m").log(a=1)
            each.log("x")
            each.params.set(**{f"p{id(each)}": 1})
    read = exp.metrics if exp._is_open else make(tmp_path)
    with read.run:
        points = read.metrics("m").read()["data"]
        assert [point["index"] for point in points] == [0, 1, 2]
    assert [line["sequenceNumber"] for line in recorded(read).logs] == [0, 1, 2]


def test_closing_twice_and_never_opened(tmp_path: Path) -> None:
    """Both are harmless, and the first status stays."""
    exp = make(tmp_path)
    exp.run.complete()
    exp.run.start()
    exp.run.start()
    exp.run.cancel()
    exp.run.fail()
    assert recorded(exp).document["status"] == "CANCELLED"


def test_the_exception_is_kept_with_the_run(tmp_path: Path) -> None:
    """Its type and text stand beside the status."""
    exp = make(tmp_path)
    with pytest.raises(ZeroDivisionError), exp.run:
        _ = 1 / 0
    assert recorded(exp).document["error"] == {
        "type": "ZeroDivisionError",
        "message": "division by zero",
    }


@pytest.mark.parametrize("mode", ["strict", "default"])
def test_what_closing_says_never_hides_the_exception(
    mode: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who was interrupted could not summarise: a warning in the log and a note, no error."""
    exp = make(tmp_path, error_mode=mode)
    exp.run.start()
    exp.metrics("m").buffer(a=1)
    with pytest.raises(ValueError, match="boom") as caught, exp.run:
        raise ValueError("boom")
    assert [(record.levelname, "never summarised" in record.message) for record in caplog.records
            ] == [("WARNING", True)]  # fmt: skip
    if sys.version_info >= (3, 11):
        assert "never summarised" in "".join(caught.value.__notes__)
    assert not exp._is_open


def test_write_protection(tmp_path: Path) -> None:
    """Every call that writes refuses, which in 0.6 only two did; the flag is stored."""
    exp = make(tmp_path, _write_protected=True)
    with exp.run:
        for call in (
            lambda: exp.params.set(a=1),
            lambda: exp.files("f").save_text("x", to="x"),
            lambda: exp.log("x"),
            lambda: exp.logs.error("x"),
            lambda: exp.metrics("m").log(a=1),
            lambda: exp.metrics.log(a=1),
            lambda: exp.tracks("t").append(_ts=1, a=1),
        ):
            with pytest.raises(WriteProtectedError, match="write-protected"):
                call()
    assert (recorded(exp).logs, recorded(exp).metrics, recorded(exp).tracks) == ([], {}, {})
    assert recorded(exp).document["write_protected"] is True


def test_a_run_that_is_continued_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At INFO, with its folder: 0.6 appended without a word."""
    with caplog.at_level(logging.INFO, "ml_dash"), make(tmp_path).run:
        assert "Continuing" not in caplog.text
    with caplog.at_level(logging.INFO, "ml_dash"), make(tmp_path).run as exp:
        assert f"Continuing the run in {exp.folder}" in caplog.text


def test_an_empty_dictionary_of_parameters_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it can be stored, as in 0.6; the log names it."""
    with make(tmp_path).run as exp:
        exp.params.set(lr=1, model={"head": {}})
        assert exp.params.get() == {"lr": 1}
    assert "'model.head' is an empty dictionary" in caplog.text


def test_an_unopened_experiment_can_be_copied(tmp_path: Path) -> None:
    """A copy is another experiment of the same prefix; an open one refuses."""
    exp = make(tmp_path)
    for other in (copy.deepcopy(exp), pickle.loads(pickle.dumps(exp))):
        with other.run:
            other.log("hello")
    with exp.run, pytest.raises(RunOpenError, match="copied"):
        pickle.dumps(exp)


def test_a_broken_console_costs_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is stored first; the failing echo is warned of."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    exp = make(tmp_path, echo=True)
    with exp.run, pytest.warns(RecoverableWarning, match="console"):
        exp.log("kept")
    assert recorded(exp).logs[0]["message"] == "kept"


def test_the_echo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As 0.6 printed it; off when told."""
    with make(tmp_path, echo=True).run as exp:
        exp.log("hi", x=1)
        exp.logs.error("bad")
    with make(tmp_path).run as exp:
        exp.log("silent")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("[INFO] hi [x=1]\n", "[ERROR] bad\n")


@pytest.mark.parametrize("durability", ["process", "fsync", "batch"])
def test_every_durability_keeps_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: str
) -> None:
    """Whatever the setting, a closed run has all records in order, and the ledger says so."""
    monkeypatch.setenv("ML_DASH_DURABILITY", durability)
    exp = make(tmp_path)
    with exp.run:
        for i in range(500):
            exp.metrics("m").log(i=i)
            exp.log(str(i))
            exp.tracks("t").append(_ts=i, i=i)
    run, ledger = recorded(exp), exp.ledger()
    assert [point["i"] for point in run.metrics["m"]] == list(range(500))
    assert [line["message"] for line in run.logs] == [str(i) for i in range(500)]
    assert len(run.tracks["t"]) == 500
    assert {name: row.stored for name, row in ledger.streams.items()} == {
        "logs": 500, "metrics": 500, "tracks": 500, "params": 0, "files": 0,
    }  # fmt: skip
    assert ledger.lost == 0
    assert "stored 500" in str(ledger)


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    """The error names the path and is an OSError."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalWriteError, match="file") as caught:
        make(tmp_path / "file" / "root")
    assert isinstance(caught.value, OSError)
    assert caught.value.errno is not None


def test_the_decorator_factory(tmp_path: Path) -> None:
    """Each call is an experiment of its own, given as ``experiment``."""

    @ml_dash_experiment("o/p/n", dash_root=tmp_path, echo=False)
    def train(x: int, experiment: Experiment) -> Experiment:
        experiment.metrics("m").log(x=x)
        return experiment

    assert train(1) is not train(2)
    assert [point["x"] for point in recorded(train(3)).metrics["m"]] == [1, 2, 3]


def test_the_decorator_factory_takes_every_kind_of_function(tmp_path: Path) -> None:
    """Coroutines at the same time and generators are inside their own runs until they end."""
    decorate = ml_dash_experiment("o/p/n", dash_root=tmp_path, echo=False)

    @decorate
    async def train(x: int, **given: Experiment) -> Experiment:
        await asyncio.sleep(0)
        given["experiment"].metrics("m").log(x=x)
        return given["experiment"]

    @decorate
    def steps(experiment: Experiment) -> Iterator[Experiment]:
        for x in (3, 4):
            experiment.metrics("m").log(x=x)
            yield experiment

    async def both() -> list[Experiment]:
        return await asyncio.gather(train(1), train(2))

    first, second = asyncio.run(both())
    assert first is not second
    assert sorted(point["x"] for point in recorded(first).metrics["m"]) == [1, 2]
    reading = steps()
    left = next(reading)
    reading.close()
    assert recorded(left).document["status"] == "CANCELLED"


def test_the_backend_is_one_and_the_same(tmp_path: Path) -> None:
    """Tests of both old releases patch it, one on the experiment, one on its run."""
    exp = make(tmp_path)
    exp.run._storage = LocalStorage(tmp_path / "other")
    assert exp._storage.root_path == tmp_path / "other"
    assert exp.run._client is exp._client is None
    with exp.run:
        assert exp.folder == tmp_path / "other" / "o" / "p" / "n"
        assert exp._buffer_manager is not None
    assert module.RemoteClient.__name__ == "RemoteClient"


def test_a_plain_script_sees_warnings_and_logs(tmp_path: Path) -> None:
    """Without any logging set up, what matters reaches stderr, attributed to the user's line."""
    script = tmp_path / "train.py"
    script.write_text(
        "from ml_dash import Experiment\n"
        f"with Experiment('o/p/n', dash_root={str(tmp_path)!r}).run as exp:\n"
        "    exp.metrics('m').buffer(a='word')\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    first, quoted, at_close = done.stderr.splitlines()
    assert first.startswith(f"{script}:3: MLDashDeprecationWarning: MLD005 (values_checked): ")
    assert "The value of 'a'" in first
    assert quoted.strip() == "exp.metrics('m').buffer(a='word')"
    assert at_close.startswith("1 line of code got behaviour that changes in 0.9 (1 call; MLD005)")


def test_damage_is_logged_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged document is made again when the run is opened, and the log names it."""
    with make(tmp_path, readme="kept").run as exp:
        pass
    (exp.folder / "experiment.json").write_text("{")
    with caplog.at_level(logging.WARNING), make(tmp_path).run:
        assert "experiment.json" in caplog.text
    document = json.loads((exp.folder / "experiment.json").read_text())
    assert document["description"] == "kept"


@pytest.mark.parametrize("name", ["start", "complete", "keys", "date", "_built"])
def test_a_method_of_the_run_is_no_argument(name: str, tmp_path: Path) -> None:
    """What RUN has beside its fields is refused like any unknown keyword."""
    with pytest.raises(UsageError, match=rf"no argument '{name}'"):
        Experiment("o/p/n", dash_root=tmp_path, future="0.9", **{name: 3})
    assert list(tmp_path.iterdir()) == []
