"""Metrics: points, times, windows, summaries."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_dash import Experiment
from ml_dash.exceptions import (
    CorruptDataError,
    DataLossWarning,
    InvalidValueError,
    MetricNotFoundError,
    MLDashDeprecationWarning,
    UnsummarizedBufferError,
)


def points(exp: Experiment, name: str | None = "m") -> list[dict[str, Any]]:
    """Return the points of a metric, without index and time."""
    return [point["data"] for point in exp.metrics(name).read(limit=10_000)["data"]]


def test_a_point_is_what_was_logged(exp: Experiment) -> None:
    """Nothing is added to it; index and time of the call stand beside it."""
    assert exp.metrics("m").log(loss=0.5).log(loss=0.25) is exp.metrics("m")
    page = exp.metrics("m").read()
    assert [(p["index"], p["data"]) for p in page["data"]] == [(0, {"loss": 0.5}),
                                                             (1, {"loss": 0.25})]  # fmt: skip
    assert page["data"][0]["createdAt"].endswith("Z")
    assert {k: v for k, v in page.items() if k != "data"} == {
        "startIndex": 0, "endIndex": 1, "total": 2, "hasMore": False}  # fmt: skip


def test_windows(exp: Experiment) -> None:
    """Start and limit select by index; an absent metric is an empty page."""
    for i in range(10):
        exp.metrics("m").log(i=i)
    page = exp.metrics("m").read(start_index=3, limit=4)
    assert [p["index"] for p in page["data"]] == [3, 4, 5, 6]
    assert (page["endIndex"], page["hasMore"]) == (6, True)
    assert exp.metrics("m").read(start_index=10)["data"] == []
    assert exp.metrics("none").read() == {
        "data": [], "startIndex": 0, "endIndex": -1, "total": 0, "hasMore": False}  # fmt: skip
    for call in (exp.metrics("none").read_or_raise, exp.metrics("none").stats):
        with pytest.raises(MetricNotFoundError, match="none"):
            call()


def test_non_finite_numbers_come_back_as_floats(exp: Experiment) -> None:
    """So do numpy's numbers and arrays; a text stays a text."""
    exp.metrics("m").log(a=math.nan, b=math.inf, c=[-math.inf], d=np.float32(0.5), e="NaN",
                         f=np.arange(3), g=np.array(2.0), h=np.bool_(True))  # fmt: skip
    (point,) = points(exp)
    assert math.isnan(point.pop("a"))
    assert point == {"b": math.inf, "c": [-math.inf], "d": 0.5, "e": "NaN", "f": [0, 1, 2],
                     "g": 2.0, "h": True}  # fmt: skip


def test_a_value_is_taken_when_it_is_logged(exp: Experiment) -> None:
    """Changing a list afterwards changes nothing; 0.6 stored the last state five times."""
    state = [0]
    for i in range(5):
        state[0] = i
        exp.metrics("m").log(x=state)
    assert [p["x"] for p in points(exp)] == [[i] for i in range(5)]


def test_several_metrics_at_once(exp: Experiment) -> None:
    """Scalars go to the unnamed metric and into each group; the group's own value wins."""
    exp.metrics.log(epoch=1, loss=9, train={"loss": 0.5}, eval={"loss": 0.6}, none={})
    assert points(exp, None) == points(exp, "None") == [{"epoch": 1, "loss": 9}]
    assert points(exp, "train") == [{"epoch": 1, "loss": 0.5}]
    assert points(exp, "none") == [{"epoch": 1, "loss": 9}]
    assert exp.metrics.log(_ts=5) is exp.metrics
    assert len(points(exp, None)) == 1


def test_times(exp: Experiment) -> None:
    """A time is stored where it was given or inherited, last, as a float."""
    exp.metrics("m").log(a=1, _ts=3)
    exp.tracks("t").append(_ts=4.5, x=1)
    exp.metrics("m").log(a=2, _ts=-1)
    exp.metrics("m").log(a=3, _ts=None)
    exp.metrics.log(_ts=7, one={"a": 4, "_ts": 1}, two={"a": 5})
    assert points(exp) == [{"a": 1, "_ts": 3.0}, {"a": 2, "_ts": 4.5}, {"a": 3}]
    assert list(points(exp)[0]) == ["a", "_ts"]
    assert points(exp, "one") + points(exp, "two") == [{"a": 4, "_ts": 7.0}, {"a": 5, "_ts": 7.0}]


def test_a_new_thread_has_no_time_to_inherit(exp: Experiment) -> None:
    """Inheritance is per thread."""
    exp.metrics("m").log(a=1, _ts=3)
    errors: list[Exception] = []

    def log() -> None:
        try:
            exp.metrics("m").log(a=2, _ts=-1)
        except InvalidValueError as error:
            errors.append(error)

    thread = threading.Thread(target=log)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_descriptions(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """The first that is given is kept, through a reopening too; another is refused in the log."""
    exp.metrics("m", description="what", tags=["a"], metadata={"k": 1}).log(a=1)
    exp.metrics("m", description="what", tags=["a"]).log(a=1)
    assert caplog.text == ""
    for _ in range(2):
        exp.metrics("m", description="other").log(a=2)
    (record,) = caplog.records
    assert record.getMessage().startswith("The description of metric 'm' stays 'what'")
    exp.run.complete()
    exp.run.start()
    (exp.folder / "metrics" / "m" / "metadata.json").unlink()
    exp.metrics("m").log(a=3)
    stats = exp.metrics("m").stats()
    assert (stats["description"], stats["tags"], stats["metadata"]) == ("what", ["a"], {"k": 1})
    assert (stats["totalDataPoints"], stats["totalChunks"], stats["chunkSize"]) == ("5", 0, 10_000)
    listed = exp.metrics("x").list_all()
    assert [(m["metricId"], m["name"], m["totalDataPoints"]) for m in listed] == [
        ("local-metric-m", "m", "5")]  # fmt: skip


def test_awkward_names(exp: Experiment) -> None:
    """Whatever the name, it is listed and read as it was given."""
    names = ["a/b", "a_b", "..", "Train", "train", "x" * 300, "sp ace", "日本", "50%", None]
    for name in names:
        exp.metrics(name).log(name=str(name))
    assert {m["name"] for m in exp.metrics("q").list_all()} == set(names)
    assert all(points(exp, name) == [{"name": str(name)}] for name in names)


def test_a_damaged_line(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, loudly; the sibling raises."""
    exp.metrics("m").log(a=1)
    with open(exp.folder / "metrics" / "m" / "data.jsonl", "ab") as file:
        file.write(b'{"index": 1, "data": {"a": nonsense}}\n')
    with pytest.warns(MLDashDeprecationWarning, match="MLD004"):
        assert points(exp) == [{"a": 1}]
    assert "nonsense" in caplog.text
    with pytest.raises(CorruptDataError, match="nonsense"):
        exp.metrics("m").read_or_raise()


def test_buffered_values(exp: Experiment) -> None:
    """Statistics by key, then a fresh start; what is no number is skipped with one warning."""
    for value in (1, 2.0, "3", None, True):
        exp.metrics("m").buffer(x=value)
    with pytest.warns(MLDashDeprecationWarning, match="'y'.*no number") as told:
        exp.metrics("m").buffer(y="word").buffer(y="again", x=3)
    assert len(told) == 1
    assert exp.metrics.buffer.peek("m", limit=2) == {"x": [1.0, 3.0]}
    assert list(exp.metrics.buffer.peek(limit=0)) == ["m/x"]
    exp.metrics.buffer.log_summary("mean", "count", "p50", epoch=3)
    assert points(exp) == [{"epoch": 3, "x.mean": 2.0, "x.count": 5, "x.p50": 2.0}]
    exp.metrics.buffer.log_summary()
    assert len(points(exp)) == 1


def test_a_summary_cache(exp: Experiment) -> None:
    """Facts first, then five statistics of each key; kept when told."""
    cache = exp.metrics("m").summary_cache
    cache.store(x=1.0)
    cache.store(x=3.0)
    cache.set(epoch=2)
    cache.summarize(clear=False)
    cache.summarize()
    cache.summarize()
    expected = {"epoch": 2, "x.mean": 2.0, "x.min": 1.0, "x.max": 3.0, "x.count": 2}
    assert len(points(exp)) == 2
    for point in points(exp):
        assert point.pop("x.std") == pytest.approx(math.sqrt(2))
        assert point == expected
    assert exp.metrics("m").summary_cache is cache


def test_values_that_are_all_nan(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """They have no statistic, as in 0.6, and the log says so."""
    exp.metrics("m").buffer(x=math.nan, y=1).buffer(x=None)
    exp.metrics.buffer.log_summary()
    assert points(exp) == [{"y.mean": 1.0}]
    assert "'x' of metric 'm' nothing is summarised: all 2 values are NaN" in caplog.text


@pytest.mark.parametrize("mode", ["default", "strict"])
def test_values_nobody_summarised(tmp_path: Path, mode: str) -> None:
    """They are summarised at close, and that is told."""
    exp = Experiment("o/p/n", dash_root=tmp_path, error_mode=mode)
    exp.run.start()
    exp.metrics("m").buffer(x=1).buffer(x=3)
    exp.metrics("n").summary_cache.store(y=5)
    if mode == "strict":
        with pytest.raises(UnsummarizedBufferError, match="3 buffered values"):
            exp.run.complete()
    else:
        with pytest.warns(DataLossWarning, match="3 buffered values"):
            exp.run.complete()
    with exp.run:
        assert points(exp) == [{"x.mean": 2.0}]
        assert points(exp, "n")[0]["y.mean"] == 5.0
