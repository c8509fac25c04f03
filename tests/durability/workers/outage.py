"""Logs before, during and after a time in which the run's folder refuses writes."""

import os
import resource
import sys
import threading

from common import OPTIONS, Heard, attempt, build, describe, hear, ledger, report, say


def log_one(exp, kind, number):
    """Log one number as one kind of record."""
    if kind == "metric":
        exp.metrics("train").log(n=number)
    elif kind == "log":
        exp.log("step", metadata={"n": number})
    else:
        # Longer than a point, so that 20,000 of these do not fit into 1 MB either.
        exp.tracks("pose").append(_ts=float(number), n=number, note="x" * 40)


def log_range(exp, start, stop):
    """Log numbers as every kind; return the refused ones and the first error, by kind."""
    refused = {kind: [] for kind in OPTIONS["kinds"]}
    first = {}
    for kind in OPTIONS["kinds"]:
        for number in range(start, stop):
            try:
                log_one(exp, kind, number)
            except Exception as error:  # noqa: BLE001 - whatever it is goes into the report
                refused[kind].append(number)
                first.setdefault(kind, describe(error))
    return refused, first


class Hog:
    """Holds every descriptor that the process may have."""

    def __enter__(self):
        self.held = []
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            while True:
                self.held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            return self

    def __exit__(self, *_):
        for fd in self.held:
            os.close(fd)


def during(exp):
    """Log, set a parameter, save a file and read while the folder refuses."""
    if OPTIONS.get("pause_s"):
        threading.Event().wait(OPTIONS["pause_s"])
    refused, first = log_range(exp, 100, 100 + OPTIONS["n"])
    facts = {"refused": refused, "first": first}
    facts["params"] = attempt(exp.params.set, big="x" * 200_000)[1]
    source = OPTIONS.get("source")
    if source:
        facts["upload"] = attempt(exp.files("m").upload, source)[1]
    facts["flush"] = attempt(exp.flush)[1]
    facts["waited"] = ledger(exp)
    return facts


def reading(exp):
    """Read in the same process while the folder refuses."""
    points, error = attempt(lambda: exp.metrics("early").read(0, 10_000_000)["data"])
    return {
        "points": None if error else len(points), "error": error,
        "params": attempt(exp.params.get)[0], "params_error": attempt(exp.params.get)[1],
    }


def main():
    heard = Heard()
    with build().run as exp:
        exp.params.set(first=1)
        exp.params.set(second=2)
        for number in range(20):
            exp.metrics("early").log(n=number)
        exp.flush()
        if OPTIONS.get("warm"):
            log_range(exp, 0, OPTIONS["warm"])
            exp.flush()
        before = heard.facts()
        say("ready")
        hear()
        if OPTIONS.get("hog"):
            with Hog():
                facts = during(exp)
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        else:
            facts = during(exp)
        facts |= {"told": heard.facts(), "told_before": before, "reading": reading(exp)}
        report(**facts)
        say("during")
        hear()
        late = 100 + OPTIONS["n"]
        facts = {"late": log_range(exp, late, late + 10)[1]}
        facts["late_params"] = attempt(exp.params.set, third=3)[1]
        facts["late_flush"] = attempt(exp.flush)[1]
        facts["ledger"] = ledger(exp)
        facts["told_at_all"] = heard.facts()
        report(**facts)
        if OPTIONS.get("again"):
            say("again")
            hear()
            log_range(exp, late + 10, late + 110)
            attempt(exp.flush)
            report(told_again=heard.facts())
            say("during again")
            hear()
            attempt(exp.flush)
            report(ledger=ledger(exp))
    sys.stdout.close()


if __name__ == "__main__":
    main()
