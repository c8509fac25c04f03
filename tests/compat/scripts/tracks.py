"""Tracks with 0.6.13's rules: explicit times, merging, nested fields, ranges, formats."""

import json

import numpy as np

from ml_dash import Experiment

with Experiment("alice/robot/tracks", dash_root=".dash").run as exp:
    for frame in range(6):
        time = frame / 10
        exp.tracks("robot/pose").append(q=np.array([frame, 2.5], dtype=np.float64), _ts=time)
        exp.tracks("robot/pose").append(
            _ts=time, e=np.float32(0.5), n=np.int32(frame), camera={"pos": (1, 2), "ok": True}
        )
    assert exp.tracks("late").append(_ts=3, a=1) is exp.tracks("late")
    exp.tracks("late").append(_ts="1.5", b=None)
    exp.tracks("late").append(_ts=3.0, a={"nested": 2})
    exp.tracks("late").append(_ts=7)
    exp.tracks.flush()
    exp.tracks("late").append(_ts=2, after="flush").flush()
    pose = exp.tracks("robot/pose")
    print(pose.read()["count"], pose.read()["entries"][1])
    print([e["timestamp"] for e in pose.read(0.2, 0.4)["entries"]])
    print(pose.read(start_timestamp=0.5, columns=["e", "camera.pos"])["entries"])
    print([json.loads(line) for line in exp.tracks("late").read(format="jsonl").splitlines()])
    mocap = exp.tracks("late").read(format="mocap")
    print(mocap["version"], mocap["channels"], mocap["frames"])
    print(dict(sorted(mocap["metadata"].items())))
    print(exp.tracks("none").read(), exp.tracks("none").read(format="jsonl"))
    print(exp.tracks("none").list_entries(), len(exp.tracks("late").list_entries()))
    print(exp.tracks("none").read(format="mocap")["metadata"])
    for bad in ({"_ts": None}, {"_ts": "abc"}):
        try:
            exp.tracks("bad").append(**bad, x=1)
        except ValueError as error:
            print("must be numeric" in str(error))
    try:
        exp.tracks("late").read(format="xml")
    except ValueError as error:
        print("Unsupported format" in str(error))
    storage = exp._storage
    for listed in storage.list_tracks("alice", "robot", "alice/robot/tracks"):
        print([listed[key] for key in ("topic", "totalEntries", "firstTimestamp", "columns")])
