"""Logs N items of each kind at full speed and ends in one of many ways."""

import atexit
import os
import signal
import sys
import threading
import time

from common import OPTIONS, Heard, attempt, build, report

HOW = OPTIONS["how"]
N = OPTIONS["n"]
KINDS = OPTIONS.get("kinds", ["metric", "log", "track"])
RATE = OPTIONS.get("rate")


def log_all(exp):
    """Log the numbers 0 to N-1 as each kind."""
    calls = {
        "metric": lambda i: exp.metrics("train").log(n=i),
        "log": lambda i: exp.log("step", metadata={"n": i}),
        "track": lambda i: exp.tracks("pose").append(_ts=float(i), n=i),
    }
    chosen = [calls[kind] for kind in KINDS]
    pause = threading.Event()
    begun = time.monotonic()
    for i in range(N):
        for call in chosen:
            call(i)
        if RATE:
            pause.wait(max(0.0, begun + (i + 1) / RATE - time.monotonic()))


def upload(exp):
    """Hand over one file, last thing before the end."""
    source = os.path.join(OPTIONS["root"], "..", "pending.bin")
    with open(source, "wb") as file:
        file.write(b"weights" * 1000)
    exp.files("models").upload(source)


def wait_for_signal():
    """Stay until the signal has done its work."""
    for _ in range(600):
        threading.Event().wait(0.1)


def inside(how, exp):
    """End within the `with` block."""
    if how == "exception":
        raise ValueError("boom")
    if how == "sys_exit":
        sys.exit(3)
    if how == "metrics_flush":
        exp.metrics.flush()
        exp.metrics("train").flush()
    elif how == "idle":
        threading.Event().wait(1.0)
    elif how == "exp_flush":
        exp.flush()
    elif how == "os_exit":
        os._exit(0)
    elif how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how in ("sigterm", "own_handler"):
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for_signal()
    elif how == "ctrl_c":
        os.kill(os.getpid(), signal.SIGINT)
        wait_for_signal()
    elif how == "complete_twice":
        exp.run.complete()


def main():
    # A shell's background job has Ctrl-C ignored; a user's terminal has not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if HOW == "own_handler":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    how, _, started = HOW.partition(":")
    if not started:
        with build().run as exp:
            log_all(exp)
            inside(how, exp)
        return
    exp = build()
    exp.run.start()
    if how in ("atexit", "atexit_file"):
        atexit.register(exp.run.complete)
    log_all(exp)
    if how == "atexit_file":
        upload(exp)
    if how == "kept_handles":
        points, track, files = exp.metrics("train"), exp.tracks("pose"), exp.files("kept")
        logs = exp.logs
        exp.run.complete()
        calls = {
            "metric": lambda: points.log(n=-1), "track": lambda: track.append(_ts=0.5, n=-1),
            "log": lambda: logs.info("late", n=-1), "exp.log": lambda: exp.log("late"),
            "file": lambda: files.save_text("late", to="late.txt"),
            "params": lambda: exp.params.set(late=1),
        }
        report(late={name: attempt(call)[1] for name, call in calls.items()})
    elif how == "unsummarised":
        heard = Heard()
        for i in range(1000):
            exp.metrics("buffered").buffer(v=float(i))
            exp.metrics("cached").summary_cache.store(v=float(i))
        attempt(exp.run.complete)
        report(**heard.facts())
    elif how != "started":
        inside(how, exp)


if __name__ == "__main__":
    main()
