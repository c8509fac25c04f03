"""A server that is far away or slow: what 0.6 lost there arrives, each record once and in order."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.target import folder_of
from tests.delivery.loopback import TOKEN, Loopback

PREFIX = "alice/vision/sweeps/far"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give a token, and a spool of the test's own."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    monkeypatch.setenv("ML_DASH_SPOOL_DIR", str(tmp_path / "spool"))


def steps(server: Loopback, metric: str = "train") -> list[int]:
    """Return the steps of a metric's points, as the server has them."""
    return [point["step"] for point in server.run.points[metric]]


def wait_for_line(lines: IO[str], line: str) -> None:
    """Return when a program has printed a line."""
    assert any(each == line for each in lines)


@pytest.mark.parametrize("distance_s", [0.05, 0.1, 0.2, 0.3])
def test_a_distant_server_gets_all(server: Loopback, distance_s: float) -> None:
    """4,000 points, lines and entries reach a server to which each request takes long."""
    server.distance_s = distance_s
    with Experiment(PREFIX, dash_url=server.url, dash_root=None, echo=False).run as exp:
        for number in range(4000):
            exp.metrics("train").log(step=number)
            exp.log(f"line {number}")
            exp.tracks("pose").append(x=number, _ts=float(number))
    assert steps(server) == list(range(4000))
    assert [line["message"] for line in server.run.logs] == [f"line {n}" for n in range(4000)]
    assert [entry["x"] for entry in server.run.entries["pose"]] == list(range(4000))
    assert exp.delivery.is_complete


def test_five_metrics_from_afar(server: Loopback) -> None:
    """4,000 points of each of five metrics, and as many lines, arrive from 100 ms away."""
    server.distance_s = 0.1
    names = [f"metric-{number}" for number in range(5)]
    with Experiment(PREFIX, dash_url=server.url, dash_root=None, echo=False).run as exp:
        for number in range(4000):
            for name in names:
                exp.metrics(name).log(step=number)
            exp.log(f"line {number}")
    for name in names:
        assert steps(server, name) == list(range(4000))
    assert [line["message"] for line in server.run.logs] == [f"line {n}" for n in range(4000)]


def test_a_slow_file_loses_nothing(server: Loopback, tmp_path: Path) -> None:
    """What is logged while a file is on its way for seconds arrives all the same."""
    source = tmp_path / "model.bin"
    source.write_bytes(bytes(1000))
    with Experiment(PREFIX, dash_url=server.url, dash_root=None, echo=False).run as exp:
        exp.flush()
        server.distance_s = 2.0
        began = server.count("/nodes")
        exp.files("models").upload(str(source))
        for number in range(1000):
            exp.metrics("train").log(step=number)
            exp.log(f"line {number}")
        server.wait_for(lambda: server.count("/nodes") > began)
        server.distance_s = 0.0
    assert steps(server) == list(range(1000))
    assert len(server.run.logs) == 1000
    assert server.files() == {"models/model.bin": bytes(1000)}


def test_ctrl_c_while_a_close_hangs_loses_nothing(server: Loopback, tmp_path: Path) -> None:
    """Ctrl-C ends a close that waits for a server which hangs; a sync delivers all 500 points."""
    script = tmp_path / "train.py"
    script.write_text(
        "from ml_dash import Experiment\n"
        "from ml_dash._delivery.shipper import Shipper\n"
        "def told(shipper, *args, hand_over=Shipper.hand_over, **how):\n"
        "    print('closing', flush=True)\n"
        "    return hand_over(shipper, *args, **how)\n"
        f"exp = Experiment({PREFIX!r}, dash_url={server.url!r}, dash_root={str(tmp_path)!r})\n"
        "exp.run.start()\n"
        "exp.flush()\n"
        "print('go', flush=True)\n"
        "input()\n"
        "for number in range(500):\n"
        "    exp.metrics('train').log(step=number)\n"
        "Shipper.hand_over = told\n"
        "exp.run.complete()\n"
    )
    child = subprocess.Popen(
        [sys.executable, str(script)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    wait_for_line(child.stdout, "go\n")
    server.fail("hang", part="/metrics/", times=1000)
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    folder = tmp_path / PREFIX
    server.wait_for(lambda: server.count("/metrics/") > 0)
    wait_for_line(child.stdout, "closing\n")
    child.send_signal(signal.SIGINT)
    said = "".join(child.communicate())
    assert child.returncode in (1, -signal.SIGINT)
    assert "KeyboardInterrupt" in said
    assert f"ml-dash sync {folder}" in said
    server.released.set()
    server.heal()
    assert sync(folder, folder_of(folder, server.url)).outcome is Outcome.DELIVERED
    assert steps(server) == list(range(500))
    assert server.run.statuses[-1] == "COMPLETED"
