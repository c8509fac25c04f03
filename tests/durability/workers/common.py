"""What the worker scripts share. Runs with any ml-dash, ours or 0.6.13."""

import json
import logging
import os
import sys
import warnings
from pathlib import Path

OPTIONS = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}


def build(prefix=None):
    """Return an Experiment of the folder that the caller named."""
    from ml_dash import Experiment

    return Experiment(prefix or OPTIONS["prefix"], dash_root=OPTIONS["root"])


def report(**facts):
    """Leave facts for the caller; may be called more than once."""
    path = Path(OPTIONS["report"])
    known = json.loads(path.read_text()) if path.exists() else {}
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({**known, **facts}))
    beside.replace(path)


def say(word):
    """Tell the caller a word."""
    os.write(1, b"\n@" + word.encode() + b"\n")


def hear():
    """Wait for a word of the caller."""
    return sys.stdin.readline().strip()


def describe(error):
    """Return what a test wants to know of an error."""
    if error is None:
        return None
    return {
        "types": [kind.__name__ for kind in type(error).__mro__],
        "text": str(error),
        "errno": getattr(error, "errno", None),
        "kept": getattr(error, "kept", ""),
        "context": {k: str(v) for k, v in getattr(error, "context", {}).items()},
    }


def attempt(call, *args, **kwargs):
    """Call, and return (result, None) or (None, the error described)."""
    try:
        return call(*args, **kwargs), None
    except Exception as error:  # noqa: BLE001 - whatever it is goes into the report
        return None, describe(error)


class Heard:
    """Collects the warnings and the log records of this process."""

    def __init__(self):
        self.warnings = []
        self.records = []
        warnings.simplefilter("always")
        warnings.showwarning = self._show
        handler = logging.Handler()
        handler.emit = self._emit
        logging.getLogger().addHandler(handler)

    def _show(self, message, category, filename, lineno, file=None, line=None):
        names = [kind.__name__ for kind in category.__mro__]
        self.warnings.append({"types": names, "text": str(message), "file": filename})

    def _emit(self, record):
        text = record.getMessage()
        self.records.append({"name": record.name, "level": record.levelname, "text": text})

    def facts(self):
        return {"warnings": self.warnings[:200], "records": self.records[:200]}


def ledger(exp):
    """Return the run's own account as numbers by stream; None for a release without one."""
    if not hasattr(exp, "ledger"):
        return None
    account = exp.ledger()
    fields = ("accepted", "stored", "waiting", "refused")
    streams = {
        name: {field: getattr(stream, field) for field in fields}
        for name, stream in account.streams.items()
    }
    return {"streams": streams, "lost": account.lost}
