"""``ml-dash migrate flags``, and that each message ends with the command that fixes it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ml_dash._base import deprecate
from ml_dash._base.attribution import Site
from ml_dash._base.deprecate import Use
from ml_dash.flags import TABLE, Api, Flag
from tests.migrate.conftest import Process
from tests.migrate.test_report import TRAIN

ROWS = [(flag, api) for flag in TABLE for api in flag.apis]


def test_the_table(ml_dash: Process, process: Process, tmp_path: Path) -> None:
    """Each flag: value, source, what is not heard, releases, and the lines that runs have met."""
    (tmp_path / "train.py").write_text(TRAIN)
    process("train.py")
    (tmp_path / "pyproject.toml").write_text('[tool.ml-dash]\nfuture = ["-file_checks_raise"]\n')
    done = ml_dash("migrate", "flags", "--json", ML_DASH_FUTURE="file_checks_raise")
    rows = {row["id"]: row for row in json.loads(done.stdout)}
    assert list(rows) == [flag.id for flag in TABLE]
    row = rows["MLD003"]
    assert (row["value"], row["source"]) == ("new", "ML_DASH_FUTURE")
    assert row["overridden"] == [str(tmp_path / "pyproject.toml")]
    assert (row["since"], row["flips"], row["gone"]) == ("0.7", "0.9", "1.0")
    assert row["sites"] == []
    (site,) = rows["MLD005"]["sites"]
    assert (Path(site["file"]).name, site["line"], site["count"]) == ("train.py", 6, 3)
    plain = ml_dash("migrate", "flags", ML_DASH_FUTURE="file_checks_raise")
    head, *lines = plain.stdout.splitlines()
    assert head.split() == ["ID", "FLAG", "VALUE", "SOURCE", "OVERRIDES", "SINCE", "FLIPS", "GONE",
                            "SITES"]  # fmt: skip
    assert lines[2].split() == ["MLD003", "file_checks_raise", "new", "ML_DASH_FUTURE",
                                *row["overridden"], "0.7", "0.9", "1.0", "0"]  # fmt: skip
    assert lines[4].split()[-1] == "1"
    assert plain.stderr.rstrip().endswith("to fix them: ml-dash migrate fix . --from .")


def test_without_runs(ml_dash: Process) -> None:
    """The table is there, and nothing is said of lines."""
    done = ml_dash("migrate", "flags")
    assert (done.returncode, done.stderr, done.stdout.count("MLD00")) == (0, "", 8)


@pytest.mark.parametrize(("flag", "api"), ROWS, ids=[api.name for _, api in ROWS])
def test_the_end_of_a_message(flag: Flag, api: Api) -> None:
    """It is a command that takes the file; for what only values show, with what the run noted."""
    use = Use(flag.id, api.name, Site(__file__, 1, __name__), "Error", "x", noted=".dash/a/b c")
    end = deprecate.remedy(use, api)
    command = f"To fix it: ml-dash migrate fix {__file__}"
    assert end == command + (" --from '.dash/a/b c'" if api.by_value else "")


@pytest.mark.parametrize(("file", "command"), [
    ("/x/lib/python3.11/site-packages/lib.py", "ml-dash migrate report"),
    ("<stdin>", "ml-dash migrate fix ."),
    ("/tmp/ipykernel_7/1234.py", "ml-dash migrate fix ."),
])  # fmt: skip
def test_where_there_is_no_file_of_the_user(file: str, command: str) -> None:
    """Installed packages are not the user's to fix; a notebook is somewhere below."""
    flag, api = ROWS[0]
    use = Use(flag.id, api.name, Site(file, 1, "m"), "Error", "x")
    assert deprecate.remedy(use, api).endswith(f": {command}")


def test_whole_messages_end_so(process: Process, tmp_path: Path) -> None:
    """In the log and in the warning of a real program, and at the close of its run."""
    (tmp_path / "train.py").write_text(TRAIN)
    for release in ("0.7", "0.8"):
        done = process("train.py", ML_DASH_FUTURE=release)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("  ")]
        assert len(lines) == 3
        assert all(re.search(r"ml-dash migrate fix \S+( --from \S+)?$", line) for line in lines[:2])
        last = done.stderr.rstrip().splitlines()[-1]
        assert last.endswith("to fix them: ml-dash migrate fix . --from .dash/alice/vision/one")


def test_the_message_of_an_exit_code(ml_dash: Process, tmp_path: Path) -> None:
    """It ends with the command as it will be, without options: some are secrets."""
    done = ml_dash("download", "--dash-url", "http://127.0.0.1:9", "--help")
    assert done.returncode == 0
    from ml_dash.cli_commands import _codes

    assert _codes._command() == "ml-dash"
