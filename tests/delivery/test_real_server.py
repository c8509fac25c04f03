"""What goes in one request, and what is said about a track, on the project's own server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, opened, sync
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import folder_of
from ml_dash._delivery.verify import verify
from ml_dash.client import RemoteClient
from ml_dash.exceptions import DataLossWarning
from tests.delivery.proxy import Proxy
from tests.server.running import RunningServer

pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Return the project's server, for all tests of this module."""
    server = RunningServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _environment(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have little patience."""
    monkeypatch.setenv("ML_DASH_REQUEST_TIMEOUT", "1")


def record(exp: Experiment, tmp_path: Path, start: int = 0) -> None:
    """Log something of each kind."""
    for number in range(start, start + 100):
        exp.metrics("train").log(step=number, loss=float("nan"))
        exp.log(f"line {number}", n=number)
        exp.tracks("robot/pose").append(x=number, _ts=float(number))
    exp.params.set(lr=start, name="NaN")
    (tmp_path / "w.bin").write_bytes(b"weights" * (start + 1))
    exp.files("models/best").save(str(tmp_path / "w.bin"))


def check(exp: Experiment, url: str, count: int) -> None:
    """See that what the server has is what was recorded."""
    with opened(exp.folder, folder_of(exp.folder, url)) as delivery:
        rows = {row.stream: row for row in verify(delivery)}
        report = delivery.report()
    assert all(row.same for row in rows.values()), rows
    assert rows["metrics/train"].there == rows["logs"].there == count
    assert rows["tracks/robot/pose"].there == count
    assert rows["files"].there == 1
    assert (report.pending, report.rejected, report.maybe_duplicated) == (0, 0, 0)


def run_id_of(exp: Experiment, url: str) -> str:
    """Return the run's id on the server."""
    return folder_of(exp.folder, url).target.run_id


@pytest.mark.parametrize("status", [503, 422])
def test_what_is_said_about_a_track_arrives(
    proxy: Proxy, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Before its entries, once; where the server refuses it the entries arrive, and it is told."""
    exp = Experiment(f"alice/vision/said-{status}", dash_url=proxy.url, dash_root=tmp_path,
                     echo=False, error_mode="permissive")  # fmt: skip
    said = {"description": "left arm", "tags": ["arm"], "metadata": {"hz": 30}}
    proxy.fail(part="/tracks", status=status, when=b'"topic"', times=1)
    with exp.run:
        for number in range(3):
            exp.tracks("arm", **said).append(x=number)  # type: ignore[arg-type]
            exp.flush()
        with RemoteClient(proxy.url, "alice") as client:
            (track,) = client.list_tracks_or_raise(run_id_of(exp, proxy.url))
    arrived = status == 503
    assert track["totalEntries"] == 3
    assert track["tags"] == (["arm"] if arrived else [])
    assert (said.items() <= track.items()) == arrived
    assert ("only its entries" in caplog.text) == (not arrived)


def bundles(proxy: Proxy) -> int:
    """Return how many requests carried the records of several streams."""
    return proxy.count("/bundle")


def test_many_metrics_go_in_few_requests(proxy: Proxy, tmp_path: Path) -> None:
    """600 metrics are a few requests, and what one of them refuses costs only its own record."""
    exp = Experiment("alice/vision/many", dash_url=proxy.url, dash_root=tmp_path, echo=False,
                     error_mode="permissive")  # fmt: skip
    began = bundles(proxy)
    with exp.run:
        for name in range(600):
            exp.metrics(f"layer/{name}").log(norm=float(name), step=0)
        exp.metrics("n" * 501).log(norm=0.0)
        with pytest.warns(DataLossWarning, match="413"):
            exp.flush()
    assert bundles(proxy) - began <= 20  # the thread may have looked while they were written
    assert (exp.delivery.pending, exp.delivery.rejected) == (0, 1)
    with opened(exp.folder, folder_of(exp.folder, proxy.url)) as delivery:
        rows = [row for row in verify(delivery) if row.stream.startswith("metrics/layer")]
    assert len(rows) == 600
    assert all(row.same for row in rows)


def test_a_bundle_that_is_refused_whole_goes_in_parts(proxy: Proxy, tmp_path: Path) -> None:
    """Where a proxy takes no large requests, each stream is sent by itself."""
    exp = Experiment("alice/vision/narrow", dash_url=proxy.url, dash_root=tmp_path, echo=False)
    with exp.run:
        proxy.fail(part="/bundle", status=413, times=1000)
        record(exp, tmp_path)
        exp.flush()
        proxy.heal()
        record(exp, tmp_path, 100)
    check(exp, proxy.url, 200)


def test_a_bundle_whose_answer_is_lost_is_stored_once(proxy: Proxy, tmp_path: Path) -> None:
    """Sent again part by part, each is known by its key."""
    exp = Experiment("alice/vision/lost", dash_url=proxy.url, dash_root=tmp_path, echo=False,
                     error_mode="permissive")  # fmt: skip
    with exp.run:
        record(exp, tmp_path)
        proxy.fail("reset", part="/bundle", after=True, times=1)
        proxy.fail(part="/bundle", status=413, times=1000)
        exp.flush()
        proxy.heal()
    check(exp, proxy.url, 100)


class Killed(BaseException):
    """What a process does not survive."""


@pytest.mark.parametrize(
    ("names", "call"), [(("train", "val"), "append_bundle"), (("train",), "append")]
)
def test_who_comes_after_a_kill_sends_what_was_sent(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...],
    call: str,
) -> None:  # fmt: skip
    """A batch that arrived before the kill arrives no second time, though the run went on."""

    def log(steps: range) -> Experiment:
        exp = Experiment(
            f"alice/vision/killed-{call}", dash_url=proxy.url, dash_root=tmp_path, echo=False,
            offline=True,
        )  # fmt: skip
        with exp.run:
            for step in steps:
                for name in names:
                    exp.metrics(name).log(step=step)
        return exp

    sends = getattr(Server, call)

    def killed_after(*args: Any) -> None:
        sends(*args)
        raise Killed

    exp = log(range(10))
    folder = folder_of(exp.folder, proxy.url)
    with opened(exp.folder, folder) as delivery, monkeypatch.context() as patch:
        patch.setattr(Server, call, killed_after)
        assert delivery.take_lease()
        with pytest.raises(Killed):
            delivery.step(merge=True)
    log(range(10, 15))
    assert sync(exp.folder, folder).outcome is Outcome.DELIVERED
    with opened(exp.folder, folder) as delivery:
        rows = {row.stream: row for row in verify(delivery)}
    assert [rows[f"metrics/{name}"].there for name in names] == [15] * len(names)
    assert all(row.same for row in rows.values()), rows


def test_the_account_is_shown_with_the_run(proxy: Proxy, tmp_path: Path) -> None:
    """What a run has delivered stands beside it on the server, and a sign of life is taken."""
    exp = Experiment("alice/vision/told", dash_url=proxy.url, dash_root=tmp_path, echo=False)
    with exp.run:
        record(exp, tmp_path)
    run_id = run_id_of(exp, proxy.url)
    with RemoteClient(proxy.url, "alice") as client:
        shown = client.get_experiment(run_id)
    (report,) = shown["reports"]
    assert report["streams"]["metrics/train"]["delivered"] == 100
    assert sum(each["delivered"] for each in report["streams"].values()) == exp.delivery.delivered
    server = Server(proxy.url, "alice")
    server.beat(run_id)
    server.close()


def test_points_arrive_with_their_times(proxy: Proxy, tmp_path: Path) -> None:
    """When a point was logged stands on the server, however late it is delivered."""
    exp = Experiment("alice/vision/times", dash_url=proxy.url, dash_root=tmp_path, echo=False,
                     offline=True)  # fmt: skip
    with exp.run:
        for number in range(300):
            exp.metrics("train").log(step=number)
        exp.metrics("single").log(step=0)
        stored = {name: exp.metrics(name).read(0, 1000)["data"] for name in ("train", "single")}
    sync(exp.folder, folder_of(exp.folder, proxy.url))
    with RemoteClient(proxy.url, "alice") as client:
        for name, here in stored.items():
            there = client.get_metric_data(run_id_of(exp, proxy.url), name, 0, 1000)["data"]
            # The server keeps milliseconds, the folder microseconds.
            assert [point["createdAt"][:23] for point in there] == [
                point["createdAt"][:23] for point in here
            ]
