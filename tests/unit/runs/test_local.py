"""Runs in folders, as they are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_dash import Experiment
from ml_dash.exceptions import FileReadError, NotFoundError
from ml_dash.runs import local_runs
from ml_dash.runs.run import Facts, moment


def test_a_long_metric_is_made_few(tmp_path: Path) -> None:
    """Facts of numbers are those of all points; a chart gets few, from the beginning to the end."""
    exp = Experiment("alice/vision/long", dash_root=tmp_path, echo=False)
    with exp.run:
        for number in range(20_000):
            exp.metrics("train").log(loss=number, text="x", flag=True)
    (run,) = local_runs(tmp_path)
    stats = run.stats("train")
    assert set(stats) == {"loss"}
    found = stats["loss"]
    assert (found.count, found.min, found.max, found.last) == (20_000, 0, 19_999, 19_999)
    assert found.mean == pytest.approx(9999.5)
    series = run.series("train", "loss", 40)
    assert series.total == 20_000
    assert len(series.values) <= 40
    assert list(series.values) == sorted(series.values)
    assert series.values[0] == 0
    assert series.values[-1] > 19_000
    with pytest.raises(NotFoundError):
        run.series("train", "none", 40)


def test_it_is_read_again(tmp_path: Path) -> None:
    """A run that goes on is looked at as it is then."""
    exp = Experiment("alice/vision/one", dash_root=tmp_path, echo=False)
    with exp.run:
        exp.log("one")
        (run,) = local_runs(tmp_path)
        assert (run.facts.status, run.facts.logs) == ("RUNNING", 1)
        exp.log("two")
        assert [line["message"] for line in run.log_lines(1)] == ["two"]
    again = run.refresh()
    assert (again.facts.status, again.facts.logs) == ("COMPLETED", 2)
    assert again.facts.duration_s is not None


def test_what_cannot_be_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged run is left out of the list, and the log names it."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "experiment.json").write_text("{")
    assert list(local_runs(tmp_path)) == []
    (record,) = [each for each in caplog.records if "Left out" in each.getMessage()]
    assert (record.levelname, str(tmp_path / "bad") in record.getMessage()) == ("WARNING", True)


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there is an error, not an empty list."""
    with pytest.raises(FileReadError):
        list(local_runs(tmp_path / "none"))


@pytest.mark.parametrize("text", [None, "", "yesterday"])
def test_what_is_no_moment(text: str | None) -> None:
    """A text that is no moment has no time, and a run with it no duration."""
    assert moment(text) is None
    facts = Facts("a/b/c", "a", "b", "c", status="COMPLETED", started_at=text, ended_at=text)
    assert facts.duration_s is None
