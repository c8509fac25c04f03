"""Several processes write one run to a server that fails now and then; some are killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ml_dash._delivery.bulk import Outcome, sync
from ml_dash._delivery.target import folder_of
from tests.delivery.loopback import TOKEN, Loopback

PREFIX = "alice/vision/ranks"
SEEDS = range(5) if os.environ.get("ML_DASH_TEST_FULL") else range(1)
_RANK = """
import sys
from pathlib import Path
from ml_dash import Experiment
from ml_dash._delivery import backoff, shipper
backoff.USUAL = backoff.Backoff(base_s=0.02, cap_s=0.1)
shipper.POLL_S = 0.05
url, root, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
exp = Experiment("alice/vision/ranks", dash_url=url, dash_root=root, echo=False,
                 error_mode="permissive")
with exp.run:
    for number in range(200):
        exp.metrics("train").log(rank=rank, number=number)
        exp.metrics(f"m{number % 3}").log(rank=rank, number=number)
        exp.log(f"{rank} {number}")
        if number % 50 == 0:
            exp.params.set(**{f"p{rank}_{number}": number})
            exp.tracks("pose").append(x=rank, _ts=float(number * 10 + rank))
            source = Path(root) / f"source{rank}_{number}.txt"
            source.write_text(str(number) * 1000)
            exp.files("dir").save(str(source))
        if number == 100:
            print("half", flush=True)
"""


def stored(run: Path, name: str) -> list[Any]:
    """Return the records of a stream on disk."""
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


@pytest.mark.parametrize("seed", SEEDS)
def test_ranks_and_kills_and_failures(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """In the end the server has what the folder has: each record once, in the same order."""
    chance = random.Random(seed)
    script = tmp_path / "rank.py"
    script.write_text(_RANK)
    environment = {**os.environ, "ML_DASH_TOKEN": TOKEN, "ML_DASH_REQUEST_TIMEOUT": "2"}
    ended = threading.Event()

    def fail_now_and_then() -> None:
        while not ended.wait(0.2 + 0.4 * chance.random()):
            if not server.faults:
                kind = chance.choice(("reset", "cut", "page", "status"))
                after = kind != "status" and chance.random() < 0.6
                server.fail(kind, after=after, status=chance.choice((429, 500, 503)))

    def start(rank: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script), server.url, str(tmp_path), str(rank)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    failing = threading.Thread(target=fail_now_and_then)
    failing.start()
    ranks = [start(0), start(1)]
    assert ranks[0].stdout is not None
    ranks[0].stdout.readline()
    ranks[0].kill()
    ranks.append(start(2))
    for rank in ranks:
        rank.communicate(timeout=60)
    ended.set()
    failing.join()
    server.heal()
    run = tmp_path / PREFIX
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    done = sync(run, folder_of(run, server.url))
    assert done.outcome is Outcome.DELIVERED
    assert done.report.maybe_duplicated == 0
    there = server.run
    lines = [line["message"] for line in stored(run, "logs/logs.jsonl")]
    assert [line["message"] for line in there.logs] == lines
    assert len(lines) > 400
    for name in ("train", "m0", "m1", "m2"):
        points = [line["data"] for line in stored(run, f"metrics/{name}/data.jsonl")]
        assert there.points[name] == points
    assert there.entries["pose"] == stored(run, "tracks/pose/data.jsonl")
    assert there.params == json.loads((run / "parameters.json").read_text())["data"]
    listed = json.loads((run / "files" / ".files_metadata.json").read_text())["files"]
    assert set(server.files()) == {f"dir/{record['filename']}" for record in listed}
    assert there.statuses[-1] == "COMPLETED"
