"""A run that is tracked on a server only, with everything that 0.6 can send and read."""

import json
import os
import sys
import time
from pathlib import Path

from ml_dash import Experiment

prefix = sys.argv[1]
weights = Path("weights.bin")
weights.write_bytes(bytes(range(256)) * 400)
run = Experiment(
    prefix, readme="baseline", tags=["t1", "t2"], metadata={"seed": 7},
    dash_url=os.environ["SERVER"], dash_root=None,
)  # fmt: skip
with run.run as exp:
    exp.params.set(model={"lr": 0.001, "layers": [64, 64]}, name="käse")
    exp.params.set(model={"lr": 0.002})
    exp.log("start", level="info", step=0)
    exp.log("odd \u2603 'quotes\"; DROP TABLE logs;--", level="warn")
    exp.log("bad", level="error", metadata={"code": 7})
    for n in range(25):
        exp.metrics("train/deep name").log(loss=1 / (n + 1), n=n)
    exp.metrics.log(epoch=1)
    exp.metrics("train/deep name").flush()
    for n in range(6):
        exp.tracks("robot/pose").append(_ts=n / 10, q=[n, 2.5], camera={"ok": True})
    exp.tracks.flush()
    exp.files("models").upload(str(weights), tags=["best"], description="final")
    exp.files("models/deep").save_json({"a": [1, None]}, to="config.json")
    exp.files("gone").save_text("x", to="gone.txt")
    exp.flush()
    # 0.6's `flush` does not wait for uploads that its threads have begun.
    ends_s = time.monotonic() + 60
    while len(exp.files.list()) < 3 and time.monotonic() < ends_s:
        pass

    read = {"params": exp.params.get(flatten=True)}
    pose = exp.tracks("robot/pose")
    read["track"] = pose.read()
    read["window"] = pose.read(start_timestamp=0.2, end_timestamp=0.3, columns=["q"])
    read["jsonl"] = [json.loads(line) for line in pose.read(format="jsonl").splitlines()]
    read["parquet"] = pose.read(format="parquet")[:4].decode("latin-1")
    read["mcap"] = pose.read(format="mcap")[1:5].decode("latin-1")
    mocap = pose.read(format="mocap")
    read["mocap"] = [mocap["channels"], len(mocap["frames"])]
    metric = exp.metrics("train/deep name").read(start_index=20, limit=3)
    read["metric"] = [int(point["index"]) for point in metric["data"]]
    read["total"] = exp.metrics("train/deep name").stats()["totalDataPoints"]
    files = {found["name"]: found["id"] for found in exp.files.list()}
    read["files"] = sorted(files)
    exp.files(file_id=files["gone.txt"]).delete()
    exp.files(file_id=files["weights.bin"]).download(to="back.bin")
    exp._client.update_file(exp._experiment_id, files["weights.bin"], metadata={"epoch": 9})
    read["same"] = Path("back.bin").read_bytes() == bytes(range(256)) * 400
Path("read.json").write_text(json.dumps(read, default=str), encoding="utf-8")
