"""Logs 100 items with one special value among them, then 5 good ones, as each kind."""

import datetime
import decimal
import enum
import pathlib
import uuid
from dataclasses import dataclass

from common import OPTIONS, attempt, build, report


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Box:
    width: float = 1.5


class Thing:
    """No JSON form at all."""


def values():
    """Return every special value by name."""
    import numpy as np

    plain = {
        "NaN": float("nan"), "+Inf": float("inf"), "-Inf": float("-inf"),
        "huge integer": 10**40, "None": None, "text": "ünï", "bool": True, "list": [1, 2],
        "dict": {"a": {"b": 1}}, "dict with integer keys": {1: 2},
        "dict with tuple keys": {(1, 2): 3}, "unpaired surrogate": "bad \ud800 text",
        "bytes": b"\xff\x00", "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "Decimal": decimal.Decimal("1.5"), "set": {1, 2}, "complex": 1 + 2j,
        "Path": pathlib.PurePosixPath("a/b"), "Enum": Colour.RED, "dataclass": Box(),
        "UUID": uuid.UUID(int=5), "object": Thing(), "list holding an object": [1, Thing()],
        "self-containing list": None,
    }
    loop = []
    loop.append(loop)
    plain["self-containing list"] = loop
    numpy = {
        "numpy float64 NaN": np.float64("nan"), "numpy float64": np.float64(1.5),
        "numpy float32": np.float32(1.5), "numpy int64": np.int64(3), "numpy bool": np.bool_(True),
        "numpy array": np.arange(3), "numpy 2-d array": np.ones((2, 2)),
        "numpy 0-d array": np.array(1.5), "numpy array with NaN": np.array([1.0, float("nan")]),
        "dict holding a numpy scalar": {"a": np.float32(1.5)},
    }
    return {**plain, **numpy}


def log_one(exp, kind, number, value):
    """Log one item."""
    if kind == "metric":
        exp.metrics("train").log(n=number, v=value)
    elif kind == "log":
        exp.log("step", metadata={"n": number, "v": value})
    elif kind == "track":
        exp.tracks("pose").append(_ts=float(number), n=number, v=value)
    else:
        exp.params.set(**{f"k{number}": value})


def read_back(exp, kind):
    """Return whether the public reader gives the special value back as the float it was."""
    if kind == "metric":
        data = exp.metrics("train").read(0, 1000)["data"]
        found = next((p["data"].get("v") for p in data if p["data"]["n"] == 50), "absent")
    elif kind == "track":
        entries = exp.tracks("pose").read(format="json")["entries"]
        found = next((e.get("v") for e in entries if e["n"] == 50), "absent")
    else:
        found = exp.params.get().get("k50", "absent")
    return f"{type(found).__name__} {found}"


def one_run(name, kind, value):
    """Log 100 items and 5 more; return the errors by position, and what the reader gives."""
    facts = {"errors": {}}
    with build(f"me/proj/{OPTIONS['index'][name]}-{kind}").run as exp:
        for number in range(100):
            _, error = attempt(log_one, exp, kind, number, value if number == 50 else 1.0)
            if error:
                facts["errors"][number] = error
        exp.flush()
        for number in range(100, 105):
            _, error = attempt(log_one, exp, kind, number, 1.0)
            if error:
                facts["errors"][number] = error
        exp.flush()
        if kind != "log":
            facts["shown"], facts["reading"] = attempt(read_back, exp, kind)
    return facts


def main():
    every = values()
    report(**{
        name: {kind: one_run(name, kind, every[name]) for kind in OPTIONS["kinds"]}
        for name in OPTIONS["index"]
    })


if __name__ == "__main__":
    main()
