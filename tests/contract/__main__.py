"""Check the contract under a choice of flags: ``python -m tests.contract lookups_raise``.

Without pytest, so that each of the 256 combinations takes about a second; ``--serve`` reads choices
from its input, one a line, and answers each in a fork of one process, in a third of that.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path

FUTURE, FUTURE_STRICT = "ML_DASH_FUTURE", "ML_DASH_FUTURE_STRICT"


def main() -> int:
    """Run every case, and return the number of those that do not hold, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("choice", nargs="?", default="", help="as for ML_DASH_FUTURE")
    parser.add_argument("--really", help="what the package is told instead, to try the check")
    parser.add_argument("--strict", action="store_true", help="say ML_DASH_FUTURE_STRICT=1")
    parser.add_argument("--outcomes", type=Path, help="a file for what each name did")
    parser.add_argument("--serve", action="store_true", help="read choices, one a line")
    given = parser.parse_args()
    return serve() if given.serve else judge(given)


def serve() -> int:
    """Answer each line of the input with ``@`` and an exit code."""
    from tests.contract import contract  # noqa: F401 - imports the package, once for all

    gc.freeze()  # a fork then copies fewer pages
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                code = judge(argparse.Namespace(
                    choice=line.strip(), really=None, strict=False, outcomes=None))  # fmt: skip
            finally:
                sys.stdout.flush()
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        sys.stdout.write(f"@{code}\n")
        sys.stdout.flush()
    return 0


def judge(given: argparse.Namespace) -> int:
    """Check the contract as the arguments say, and return 1 when it does not hold."""
    for name in [name for name in os.environ if name.startswith("ML_DASH_")]:
        del os.environ[name]
    if given.strict:
        given.choice, os.environ[FUTURE_STRICT] = "1.0", "1"
    told = given.choice if given.really is None else given.really
    if told and not given.strict:
        os.environ[FUTURE] = told
    outcomes, failed = run(given.choice)
    if given.outcomes:
        given.outcomes.write_text(json.dumps(outcomes, indent=1, sort_keys=True))
    under = given.choice or "no choice"
    sys.stdout.write(f"{len(outcomes)} names hold under {under}\n")
    if failed:
        sys.stderr.write(f"{failed} names do not hold under {under}\n")
    return 1 if failed else 0


def run(choice: str) -> tuple[dict[str, str], int]:
    """Return what each name did, and how many did something else than they must."""
    from ml_dash._base import deprecate
    from tests.contract.cases import CASES
    from tests.contract.contract import Expected, check

    logging.getLogger("ml_dash").addHandler(logging.NullHandler())
    outcomes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        for number, case in enumerate(CASES):
            place = Path(home) / str(number)
            place.mkdir()
            os.chdir(place)
            deprecate.forget()
            try:
                outcomes[case.api] = check(case, place, Expected(choice))
            except AssertionError:  # told, and the others are run
                traceback.print_exc()
        os.chdir("/")
    return outcomes, len(CASES) - len(outcomes)


if __name__ == "__main__":
    sys.exit(main())
