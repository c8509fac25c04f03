"""Small runs that write one folder each; executed by a release as ``scenarios.py NAME ROOT OUT``.

Uses only the public API that every release has, and nothing but the standard library. While it
calls the API it notes, from the arguments alone, what was accepted; the notes go to OUT as JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import pickle
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

PREFIX = "alice/vision/{name}"
BUFFERED = os.environ.get("ML_DASH_BUFFER_ENABLED", "true") == "true"


def plain(value: Any) -> Any:
    """Return ``value`` as strict JSON: tuples are lists, floats that JSON lacks are tagged."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as dotted keys; empty dicts vanish, lists stay whole."""
    out: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        out.update(flat(item, f"{name}.") if isinstance(item, dict) else {name: item})
    return out


class Session:
    """An experiment, and notes of everything it was given."""

    def __init__(self, root: str, name: str, **options: Any) -> None:
        self.prefix = PREFIX.format(name=name)
        self.root, self.options = root, options
        self.params: dict[str, Any] = {}
        self.param_writes = 0
        self.logs: list[dict[str, Any]] = []
        self.metrics: dict[str, list[Any]] = {}
        self.described: dict[str, Any] = {}
        self.tracks: dict[str, list[dict[str, Any]]] = {}
        self.pending: dict[str, dict[float, dict[str, Any]]] = {}
        self.files: list[dict[str, Any]] = []
        self.reopen()

    def __enter__(self) -> Session:
        self.exp.run.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.exp.run.fail() if kind else self.exp.run.complete()
        self.settle_tracks()

    def reopen(self) -> None:
        """Build a new Experiment on the same folder, as another process would."""
        from ml_dash import Experiment  # here, so that make.py can list the scenarios

        self.exp = Experiment(self.prefix, dash_root=self.root, **self.options)

    def set(self, **values: Any) -> None:
        """Set parameters."""
        self.exp.params.set(**values)
        shown = {
            key: {k: v for k, v in vars(value).items() if k[0] != "_" and not callable(v)}
            if isinstance(value, type)
            else value
            for key, value in values.items()
        }
        self.params.update(flat(shown))
        self.param_writes += 1

    def log(self, message: str, level: str | None = None, **metadata: Any) -> None:
        """Write one log line."""
        self.exp.log(message, level=level, **metadata)
        line: dict[str, Any] = {"level": level or "info", "message": message}
        self.logs.append({**line, "metadata": metadata} if metadata else line)

    def point(self, name: str | None, **data: Any) -> None:
        """Log one point to one metric."""
        if name is None:
            self.exp.metrics.log(**data)
        else:
            self.exp.metrics(name).log(**data)
        self.metrics.setdefault(name or "None", []).append(data)

    def points(self, **data: Any) -> None:
        """Log scalars and groups in one call of the metrics manager."""
        self.exp.metrics.log(**data)
        scalars = {key: value for key, value in data.items() if not isinstance(value, dict)}
        if scalars:
            self.metrics.setdefault("None", []).append(scalars)
        for key, value in data.items():
            if isinstance(value, dict):
                self.metrics.setdefault(key, []).append({**scalars, **value})

    def describe(self, name: str, **about: Any) -> None:
        """Create a metric with a description, tags and metadata."""
        self.exp.metrics(name, **about)
        self.described[name] = about

    def append(self, topic: str, _ts: float, **fields: Any) -> None:
        """Append one track entry."""
        self.exp.tracks(topic).append(_ts=_ts, **fields)
        if BUFFERED:
            self.pending.setdefault(topic, {}).setdefault(float(_ts), {}).update(fields)
        else:
            self._entry(topic, _ts, fields)

    def settle_tracks(self) -> None:
        """Note that the buffered entries were written: merged, sorted by time."""
        for topic, entries in self.pending.items():
            for timestamp in sorted(entries):
                self._entry(topic, timestamp, entries[timestamp])
        self.pending = {}

    def flush_tracks(self) -> None:
        """Flush all topics."""
        self.exp.tracks.flush()
        self.settle_tracks()

    def _entry(self, topic: str, timestamp: float, fields: dict[str, Any]) -> None:
        self.tracks.setdefault(topic, []).append({"timestamp": float(timestamp), **flat(fields)})

    def note_file(self, path: str, filename: str, content: bytes, **about: Any) -> None:
        """Note a stored file; one at the same place replaces it."""
        same = [f for f in self.files if (f["path"], f["filename"]) == (path, filename)]
        kept = [f for f in self.files if f not in same or f.get("deleted")]
        record = {
            "path": path,
            "filename": filename,
            "sizeBytes": len(content),
            "checksum": hashlib.sha256(content).hexdigest(),
        }
        self.files = [*kept, {**record, **about}]

    def text(self, directory: str | None, name: str, content: str, **about: Any) -> Any:
        """Save a text file."""
        return self._save("save_text", directory, name, content, content.encode(), about)

    def json(self, directory: str | None, name: str, content: Any, **about: Any) -> Any:
        """Save a JSON file."""
        stored = json.dumps(content, indent=2).encode()
        return self._save("save_json", directory, name, content, stored, about)

    def blob(self, directory: str | None, name: str, content: bytes, **about: Any) -> Any:
        """Save bytes."""
        return self._save("save_blob", directory, name, content, content, about)

    def _save(self, how: str, directory: str | None, name: str, *rest: Any) -> Any:
        content, stored, about = rest
        record = getattr(self.exp.files(directory, **about), how)(content, to=name)
        whole = "/".join(part for part in (directory or "", name) if part)
        path, _, filename = whole.rpartition("/")
        self.note_file(f"/{path.lstrip('/')}", filename, stored, **about)
        return record

    def accepted(self) -> dict[str, Any]:
        """Return the notes."""
        return {
            "params": self.params,
            "param_writes": self.param_writes,
            "logs": self.logs,
            "metrics": self.metrics,
            "described_metrics": self.described,
            "tracks": self.tracks,
            "files": self.files,
        }


class Model:
    """A class of settings, as scripts pass to ``params.set``."""

    depth = 12
    width = 384
    name = "vit-tiny"
    heads = (6, 6)
    _cache = "private"

    def build(self) -> None:
        """Is callable, hence no parameter."""


def params(root: str) -> Session:
    """Store parameters: nested, unicode, class objects, NaN and infinities, several writes."""
    with Session(root, "params") as run:
        run.set(lr=0.001, seed=7, amp=True, note=None, layers=[64, 32], size=(224, 224))
        run.set(optimizer={"name": "adam", "betas": (0.9, 0.999), "warmup": {"steps": 10}})
        run.set(Model=Model, data={"root": "/données/été", "ñ-key": "值", "empty": {}})
        run.set(best=math.nan, limit=math.inf, floor=-math.inf)
        run.set(**{"a.b": 1, "a.c": {"d": 2}, "with space": "x", "dash-ed": "y"})
        run.set(lr=0.01, optimizer={"warmup": {"steps": 20}}, text='line one\nline two\ttab "q"')
    return run


def logs(root: str) -> Session:
    """Write logs of every level, with metadata, unicode, empty and long messages; then more."""
    run = Session(root, "logs", readme="Logs of every level", tags=["golden", "logs"])
    with run:
        for level in ("info", "warn", "error", "debug", "fatal"):
            run.log(f"level {level}", level=level)
        run.log("with metadata", step=1, loss=0.25, ok=True, missing=None, nested={"a": [1, 2]})
        run.log("")
        run.log('two\nlines and a "quote" \\ backslash')
        run.log("žluťoučký kůň 日本語 🚀", author="Ünal")
        run.log("long " + "x" * 3000)
    run.reopen()
    with run:
        run.log("after reopening", level="warn", session=2)
    return run


def metrics(root: str) -> Session:
    """Log named, unnamed and grouped metrics with nulls, text, nested data and odd names."""
    with Session(root, "metrics") as run:
        run.describe("described", description="Loss per step", tags=["a", "b"], metadata={"u": "s"})
        run.point("described", value=1.5)
        for step in range(12):
            run.point("train", step=step, loss=1.0 / (step + 1), note=None, label=f"s{step}")
        for epoch in range(3):
            run.points(epoch=epoch, train={"acc": epoch / 4}, eval={"acc": epoch / 5, "n": 10})
        run.point(None, lone=1)
        run.point("odd name .v1 é", x=1, nested={"deep": {"list": [1, [2, 3]]}}, flag=False)
        run.point("None of these", x=2)
        run.point("empty")
    return run


def metrics_nonfinite(root: str) -> Session:
    """Log NaN and the infinities, also inside lists, and a user's own text "NaN"."""
    with Session(root, "metrics_nonfinite") as run:
        run.point("loss", value=math.nan, text="NaN")
        run.point("loss", value=math.inf, many=[1.0, math.nan, -math.inf])
        run.point("loss", value=-math.inf, text="Infinity", nested={"x": math.nan})
        run.point("loss", value=0.5, text="-Infinity")
    return run


def tracks(root: str) -> Session:
    """Append track entries with equal times, nested fields, topics with ``/``, late entries."""
    with Session(root, "tracks") as run:
        for frame in range(5):
            run.append("robot/arm/pose", frame * 0.1, x=float(frame), camera={"pos": [0, 1]})
            run.append("robot/arm/pose", frame * 0.1, y=-float(frame), camera={"fov": 60})
        run.append("plain", 2, a=1)
        run.append("plain", 1, b=None)
        run.append("plain", 1.5)
        run.flush_tracks()
        run.append("plain", 1, late={"again": True, "v": math.nan})
        run.append("plain", 0.25, only="late")
    return run


def files(root: str) -> Session:
    """Store files: text, JSON, blobs, pickles; nested, tagged, replaced, duplicated, deleted."""
    run = Session(root, "files")
    with run:
        run.text(None, "notes.txt", "first\nsecond é\n")
        run.json(None, "configs/deep/model.json", {"depth": 12, "names": ["é", None]})
        run.blob("checkpoints", "step 10.bin", bytes(range(256)), tags=["best", "final"])
        run.blob("empty", "zero.bin", b"", description="nothing", metadata={"n": 0})
        run.text("replaced", "twice.txt", "old", tags=["old"])
        run.text("replaced", "twice.txt", "new and longer", tags=["new"])
        content = {"weights": [1, 2, 3]}
        run.exp.files("pickles").save_pkl(content, to="state.pkl")
        run.note_file("/pickles", "state.pkl", pickle.dumps(content))
        source = run.blob("models", "latest.pt", b"weights" * 10)
        run.exp.files().duplicate(source, to="models/best.pt")
        run.note_file("/models", "best.pt", b"weights" * 10)
        run.text("gone", "deleted.txt", "soft deleted")
        run.exp.files("gone/deleted.txt").delete()
        run.files[-1]["deleted"] = True
        run.text("gone", "deleted.txt", "stored again")
        run.text("名前", "ünïcode ✓.txt", "unicode names")
    return run


def files_buffered(root: str) -> Session:
    """Store files through the buffer of 0.6 (answers are pending records there)."""
    with Session(root, "files_buffered") as run:
        run.text("reports", "one.txt", "one")
        run.json("reports", "two.json", {"two": 2})
        run.blob("weights/deep", "three.bin", b"\x00\x01\x02", tags=["t"])
    return run


def everything(root: str) -> Session:
    """Train a little with all kinds of records, in three sessions on the same folder."""
    run = Session(root, "everything", tags=["golden"], metadata={"team": "vision"}, bindrs=["b1"])
    for session in range(3):
        with run:
            run.set(session=session, model={"depth": 12 + session})
            run.log(f"session {session}", session=session)
            for step in range(4):
                run.point("train", step=step, loss=1 / (step + 1 + session))
                run.append("pose", session + step / 10, x=step)
                run.append("pose", session + step / 10, y={"z": step})
            run.points(epoch=session, eval={"acc": 0.5 + session / 10})
            run.text("artifacts", f"session{session}.txt", f"artifact {session}")
            run.text("artifacts", "latest.txt", f"latest {session}")
        run.reopen()
    return run


def damaged_params(root: str) -> Session:
    """Lose the parameters as 0.6 does: a ``set`` that fails truncates parameters.json."""
    with Session(root, "damaged_params") as run:
        run.set(lr=0.1, layers=[1, 2])
        run.log("before the failing set")
        try:
            run.exp.params.set(good="value", bad=object(), after=1)
        except TypeError:
            run.log("the set failed", level="error")
    return run


def damaged_batch(root: str) -> Session:
    """Desynchronise a metric's indexes as 0.6.13 does: a batch with a value it cannot store."""
    with Session(root, "damaged_batch") as run:
        run.point("train", step=0)
        run.exp.flush()
        run.point("train", step=1)
        run.point("train", step=2)
        run.exp.metrics("train").log(step=3, bad=object())
        try:
            run.exp.flush()
        except Exception as error:  # noqa: BLE001 - every release has its own class here
            run.log(f"flush failed: {type(error).__name__}", level="error")
        run.point("train", step=4)
        run.point("train", step=5)
    return run


def damaged_base(root: str, name: str) -> Session:
    """Write a complete small run; make.py damages one of its documents afterwards."""
    with Session(root, name, readme="to be damaged") as run:
        run.set(lr=0.1)
        for step in range(3):
            run.log(f"line {step}")
            run.point("train", step=step)
            run.append("pose", float(step), x=step)
        run.text("kept", "a.txt", "aaa", tags=["kept"])
        run.text(None, "b.txt", "bbb")
    return run


SCENARIOS: dict[str, Callable[[str], Session]] = {
    scenario.__name__: scenario
    for scenario in (
        params,
        logs,
        metrics,
        metrics_nonfinite,
        tracks,
        files,
        files_buffered,
        everything,
        damaged_params,
        damaged_batch,
    )
}
SCENARIOS.update(
    (name, partial(damaged_base, name=name))
    for name in (
        "damaged_log_sequence",
        "damaged_log_tail",
        "damaged_metric_tail",
        "damaged_track_tail",
        "damaged_metric_metadata",
        "damaged_track_metadata",
        "damaged_files_index",
        "damaged_experiment",
    )
)


def main() -> None:
    """Run one scenario."""
    name, root, out = sys.argv[1:]
    run = SCENARIOS[name](root)
    with open(out, "w", encoding="utf-8") as handle:
        json.dump(plain({"prefix": run.prefix, **run.accepted()}), handle)


if __name__ == "__main__":
    main()
