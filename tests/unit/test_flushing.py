"""The siblings that raise unless everything is where it belongs, in every error mode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash.exceptions import DeliveryTimeoutError, InvalidValueError, LocalWriteError

WAYS: dict[str, Callable[[Experiment], Any]] = {
    "experiment": lambda exp: exp.flush_or_raise(),
    "metrics": lambda exp: exp.metrics.flush_or_raise(),
    "metric": lambda exp: exp.metrics("m").flush_or_raise(),
    "tracks": lambda exp: exp.tracks.flush_or_raise(),
    "track": lambda exp: exp.tracks("t").flush_or_raise(),
    "log_summary": lambda exp: exp.metrics.buffer.log_summary_or_raise(),
    "summarize": lambda exp: exp.metrics("m").summary_cache.summarize_or_raise(),
    "complete": lambda exp: exp.run.complete_or_raise(),
    "fail": lambda exp: exp.run.fail_or_raise(ValueError("x")),
    "cancel": lambda exp: exp.run.cancel_or_raise(),
}
by_way = pytest.mark.parametrize("way", WAYS)


@pytest.mark.parametrize("timeout_s", [-1, float("nan"), "soon"])
def test_a_time_that_cannot_be_waited(tmp_path: Path, timeout_s: Any) -> None:
    """Is refused by name, whether there is a server or not."""
    exp = Experiment("o/p/n", dash_root=tmp_path, echo=False)
    with exp.run:
        for flush in (exp.flush, exp.flush_or_raise):
            with pytest.raises(InvalidValueError, match="timeout_s is"):
                flush(timeout_s)
        exp.flush(float("inf"))


@by_way
@pytest.mark.parametrize("mode", ["default", "permissive", "strict"])
def test_all_well(tmp_path: Path, way: str, mode: str) -> None:
    """Nothing is raised, nothing warned of, and the records are there."""
    with Experiment("o/p/n", dash_root=tmp_path, error_mode=mode).run as exp:
        exp.metrics("m").log(a=1)
        exp.tracks("t").append(_ts=1, x=1)
        WAYS[way](exp)
    assert (exp.folder / "metrics" / "m" / "data.jsonl").is_file()


@by_way
@pytest.mark.parametrize("mode", ["default", "permissive"])
def test_a_disk_that_refuses(tmp_path: Path, way: str, mode: str) -> None:
    """The sibling raises where the plain call warns."""
    exp = Experiment("o/p/n", dash_root=tmp_path, error_mode=mode)
    exp.run.start()
    exp.metrics("m").log(a=1)
    lines = exp.folder / "logs" / "logs.jsonl"
    lines.mkdir(parents=True)
    with pytest.warns(RuntimeWarning):
        exp.log("waits")
    with pytest.raises((LocalWriteError, TimeoutError)):
        WAYS[way](exp)
    if exp._is_open:
        lines.rmdir()
        exp.flush_or_raise()
        exp.run.complete()
        assert "waits" in lines.read_text()


@pytest.mark.parametrize("way", ["experiment", "metrics", "complete", "fail"])
def test_a_run_that_is_not_delivered(tmp_path: Path, way: str) -> None:
    """What is still owed to the server is an error of the sibling, with what ends it."""
    exp = Experiment("o/p/n", dash_root=tmp_path, dash_url="http://127.0.0.1:9", offline=True)
    exp.run.start()
    exp.metrics("m").log(a=1)
    with pytest.raises(DeliveryTimeoutError, match="ml-dash sync"):
        WAYS[way](exp)
    exp.run.complete()
