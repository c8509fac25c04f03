"""Run by an old release: one run of everything, and what its client reads back, as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ml_dash import Experiment
from ml_dash.auth.token_storage import get_token_storage

url, token, prefix = sys.argv[1:4]
get_token_storage().store("ml-dash-token", token)
model = Path("model.bin")
model.write_bytes(bytes(range(256)) * 2000)

opened = Experiment(
    prefix=prefix, dash_url=url, dash_root=None, tags=["t1"], metadata={"seed": 7}
)
with opened.run as exp:
    exp.params.set(model={"lr": 0.001}, layers=[64, 64], note=None)
    for number in range(120):
        exp.log(f"epoch {number}", level="info", epoch=number)
        exp.metrics("train/deep name").log(loss=1 / (number + 1), step=number)
    for number in range(40):
        exp.tracks("robot/position").append(q=[number / 10], cam={"p": number}, _ts=float(number))
    exp.files("models").upload(str(model))
    exp.flush()
    client, run = exp._client, exp._experiment_id
    # 0.6's `flush` does not wait for an upload that its threads have begun.
    ends_s = time.monotonic() + 60
    while not (files := exp.files().list()) and time.monotonic() < ends_s:
        pass
    [file] = files
    read = {
        "run": run,
        "params": exp.params.get(),
        "points": exp.metrics("train/deep name").read(start_index=118, limit=5)["data"],
        "total": exp.metrics("train/deep name").stats()["totalDataPoints"],
        "tracks": {
            name: len(exp.tracks("robot/position").read(format=name))
            for name in ("json", "jsonl", "parquet", "mcap", "mocap")
        },
        "file": [file["name"], file["physicalFile"]["sizeBytes"]],
    }
    copy = client.download_file(run, file["id"], str(Path("copy.bin").resolve()))
    read["same"] = Path(copy).read_bytes() == bytes(range(256)) * 2000
    client.update_file(run, file["id"], description="final", tags=["best"], metadata={"epoch": 9})
sys.stdout.write("READ " + json.dumps(read) + "\n")
