"""Logs until it is killed; notes each record's number in a file of its own *after* the call.

The note is one `os.write` to a file opened with O_APPEND, so it survives the kill as the record
has to. With ``processes`` above 1 the script forks before it opens the run.
"""

import os
import random
import sys

from common import OPTIONS, build

LIFE = OPTIONS["life"]


def kinds(exp, number, shared):
    """Return the calls of one round, by kind."""
    life, process = number // 10**9, number // 10**7 % 100
    return {
        "metric": lambda: exp.metrics("train").log(n=number),
        "log": lambda: exp.log("step", metadata={"n": number}),
        "track": lambda: exp.tracks("pose").append(_ts=float(number), n=number),
        # All processes add their own field to the same timestamps.
        "merged": lambda: exp.tracks("shared").append(
            _ts=life * 10**6 + float(shared), **{f"p{process}": number}),
        "param": lambda: exp.params.set(**{f"k{number}": number}),
        "file": lambda: exp.files("kept").save_text(str(number) * 50, to=f"{number}.txt"),
        # Moves what a track holds back into its final place: a kill may fall into that.
        "flush": exp.flush,
    }


def main():
    from ml_dash import Experiment  # noqa: F401 - before the fork, so that a life is short

    process = 0
    for child in range(1, OPTIONS["processes"]):
        if os.fork() == 0:
            process = child
            break
    chosen = random.Random(OPTIONS["seed"] * 100 + process)
    notes = os.open(
        os.path.join(OPTIONS["notes"], f"{LIFE}-{process}.txt"),
        os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    names = ["metric", "log", "track", "merged", "param", "file", "flush"]
    weights = [30, 30, 30, 15, 2, 1, 2]
    os.write(1, b"@ready\n")
    with build().run as exp:
        for counter in range(OPTIONS["limit"]):
            number = LIFE * 10**9 + process * 10**7 + counter
            kind = chosen.choices(names, weights)[0]
            kinds(exp, number, counter)[kind]()
            os.write(notes, b"%s %d\n" % (kind.encode(), number))
    sys.exit("the limit was reached before the kill")


if __name__ == "__main__":
    main()
