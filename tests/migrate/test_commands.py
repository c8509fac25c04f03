"""``ml-dash migrate check`` and ``fix`` as users run them, wrong use included."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrate.conftest import Process

pytest.importorskip("libcst")
jsonschema = pytest.importorskip("jsonschema")

CORPUS = Path(__file__).parent / "corpus"
USE = "from ml_dash import Experiment\nprint(Experiment('a/b/c').params.get())\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a git repository with some programs."""
    folder = tmp_path / "code"
    shutil.copytree(CORPUS / "project", folder)
    shutil.copy(CORPUS / "unused_results.py", folder)
    git = ("git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    return folder


def test_check_and_fix_as_a_user_runs_them(ml_dash: Process, project: Path) -> None:
    """Check finds, fix rewrites a clean tree and marks the rest, and git undoes it."""
    checked = ml_dash("migrate", "check", "code", "--json")
    assert checked.returncode == 3
    assert len(json.loads(checked.stdout)["findings"]) == 4
    shown = ml_dash("migrate", "fix", "code", "--diff")
    assert (shown.returncode, "+    print(exp.params.get_or_raise())" in shown.stdout) == (3, True)
    assert "exp.params.get_or_raise()" not in (project / "uses_factory.py").read_text()
    done = ml_dash("migrate", "fix", "code")
    assert done.returncode == 3
    assert "2 uses rewritten in 2 files, 2 marked for you." in done.stderr
    assert "exp.params.get_or_raise()" in (project / "uses_factory.py").read_text()
    dirty = ml_dash("migrate", "fix", "code")
    assert (dirty.returncode, "not committed" in dirty.stderr) == (2, True)
    again = ml_dash("migrate", "fix", "code", "--allow-dirty")
    assert "0 uses rewritten in 0 files, 2 marked" in again.stderr
    left = ml_dash("migrate", "check", "code")
    assert (left.returncode, left.stdout.count(", unused)")) == (3, 2)


def test_what_git_does_not_keep_is_not_rewritten(ml_dash: Process, project: Path) -> None:
    """A file that git ignores is clean, and could not be restored."""
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "exclude").write_text("mine.py\n")
    text = "from ml_dash import Experiment\nprint(Experiment('a/b/c').params.get())\n"
    (project / "mine.py").write_text(text)
    done = ml_dash("migrate", "fix", "code")
    assert (done.returncode, "is ignored by git" in done.stderr) == (2, True)
    assert (project / "mine.py").read_text() == text


def test_a_byte_order_mark_stays(ml_dash: Process, tmp_path: Path) -> None:
    """A file keeps the mark and the line ends that it has."""
    file = tmp_path / "a.py"
    text = "from ml_dash import Experiment\r\nprint(Experiment('a/b/c').params.get())\r\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert ml_dash("migrate", "fix", "a.py", "--allow-dirty").returncode == 0
    new = text.replace("params.get()", "params.get_or_raise()")
    assert file.read_bytes() == b"\xef\xbb\xbf" + new.encode()


def test_annotations_for_github(ml_dash: Process, project: Path) -> None:
    """A workflow command for each finding, and for each file that was not checked."""
    lines = ml_dash("migrate", "check", "code", "--github").stdout.splitlines()
    assert len(lines) == 4
    assert all(re.match(r"::warning file=code/\S+,line=\d+,col=\d+,title=MLD00\d::", line)
               for line in lines)  # fmt: skip
    (project / "a,b:c%.py").write_text("ml_dash(")
    (line,) = [line for line in ml_dash("migrate", "check", "code", "--github").stdout.splitlines()
               if line.startswith("::error")]  # fmt: skip
    assert line.startswith("::error file=code/a%2Cb%3Ac%25.py::Not checked: line 1: ")


def test_sarif_is_what_the_standard_asks_for(ml_dash: Process, project: Path) -> None:
    """It is valid by the schema of OASIS, and carries file, line and rule of each finding."""
    (project / "name with space é.py").write_text(USE)
    (project / "broken.py").write_text("ml_dash(")
    sarif = json.loads(ml_dash("migrate", "check", "code", "--sarif").stdout)
    schema = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
    validator = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(sarif)] == []
    (run,) = sarif["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {each["ruleId"] for each in run["results"]} == {"MLD001", "MLD003", "MLD004"}
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    places = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
              for each in run["results"]}  # fmt: skip
    assert "code/name%20with%20space%20%C3%A9.py" in places
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_only_what_runs_have_met(ml_dash: Process, project: Path) -> None:
    """With --from only the lines of a report are rewritten."""
    row = {"file": str(project / "uses_factory.py"), "line": 4, "api": "ParametersBuilder.get"}
    (project.parent / "known.json").write_text(json.dumps([row]))
    done = ml_dash("migrate", "fix", "code", "--from", "known.json")
    assert (done.returncode, "1 use rewritten in 1 file, 0 marked" in done.stderr) == (0, True)
    assert "client.get_project_id(" in (project / "uses_factory.py").read_text()


def test_asking_for_each_file(process: Process, project: Path) -> None:
    """--interactive writes what is answered with yes."""
    done = subprocess.run(
        [sys.executable, "-m", "ml_dash.cli", "migrate", "fix", "code", "--interactive"],
        cwd=project.parent, input="y\nn\n", text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert "0 uses rewritten in 1 file, 2 marked for you, 2 not written." in done.stderr
    assert done.stderr.count("Write code/") == 2
    assert done.returncode == 3
    assert (project / "unused_results.py").read_text().count("# TODO(ml-dash ") == 2
    assert "_or_raise()" not in (project / "uses_factory.py").read_text()


def test_what_is_no_python(ml_dash: Process, tmp_path: Path) -> None:
    """A file that cannot be read is named, the others are checked, and the code is 3."""
    (tmp_path / "a.py").write_text("import ml_dash\nprint(")
    (tmp_path / "b.py").write_bytes(b"import ml_dash\n\xff")
    (tmp_path / "c.ipynb").write_text("{}")
    (tmp_path / "d.py").write_text("import ml_dash\n")
    done = ml_dash("migrate", "check", ".")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("Passed over") == 3
    fixed = ml_dash("migrate", "fix", ".", "--allow-dirty")
    assert (fixed.returncode, fixed.stderr.count("Passed over")) == (3, 3)


def test_nothing_to_find(ml_dash: Process, tmp_path: Path) -> None:
    """Code without a use is exit code 0."""
    (tmp_path / "a.py").write_text("from ml_dash import Experiment\n")
    done = ml_dash("migrate", "check", "a.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert ml_dash("migrate", "fix", "a.py", "--allow-dirty").returncode == 0


def test_lines_that_only_a_run_shows(ml_dash: Process, process: Process, tmp_path: Path) -> None:
    """A run's folder does for --from; a line whose code shows nothing is marked, once."""
    text = (
        "from ml_dash import Experiment\n"
        "options = {'colour': 'red'}\n"
        "with Experiment('a/b/c', **options).run as exp:\n"
        "    for value in (1.0, 'low'):\n"
        "        exp.metrics('m').buffer(loss=value)\n"
    )
    (tmp_path / "train.py").write_text(text)
    told = process("train.py")
    (command,) = re.findall(r"To fix it: (ml-dash .* --from .*)$", told.stderr, re.M)
    assert command == f"ml-dash migrate fix {tmp_path}/train.py --from .dash/a/b/c"
    done = ml_dash(*command.split()[1:], "--allow-dirty")
    assert (done.returncode, "2 marked for you" in done.stderr) == (3, True)
    again = ml_dash(*command.split()[1:], "--allow-dirty")  # the lines have moved
    assert "0 marked for you" in again.stderr
    assert again.stderr.count("of the report was not checked, or has changed since.") == 2
    marked = (tmp_path / "train.py").read_text()
    assert [line for line in marked.splitlines(True) if "TODO" not in line] == text.splitlines(True)
    assert marked.count("# TODO(ml-dash MLD006): Experiment ignores") == 1
    assert marked.count("        # TODO(ml-dash MLD005): MetricBuilder.buffer skips") == 1


def test_lines_of_a_report_that_are_elsewhere(ml_dash: Process, project: Path) -> None:
    """They are named, and nothing else is rewritten."""
    row = {"file": "other.py", "line": 4, "api": "ParametersBuilder.get"}
    (project.parent / "known.json").write_text(json.dumps([row]))
    done = ml_dash("migrate", "fix", "code", "--from", "known.json")
    assert "other.py:4 of the report was not checked" in done.stderr
    assert (done.returncode, "0 uses rewritten" in done.stderr) == (0, True)


@pytest.mark.parametrize("content", ["[1]", '[{"file": "a", "line": 1, "api": "x"}]', "[{]"])
def test_what_is_no_report(ml_dash: Process, project: Path, content: str) -> None:
    """It is wrong use, and nothing is rewritten."""
    (project.parent / "known.json").write_text(content)
    done = ml_dash("migrate", "fix", "code", "--from", "known.json")
    assert (done.returncode, "is not what `migrate report --json` prints" in done.stderr) == (
        2, True,
    )  # fmt: skip


def test_only_tracked_changes_are_dirty(ml_dash: Process, project: Path) -> None:
    """A note beside the code is no reason to refuse; a staged change is, and no git is."""
    (project / "notes.txt").write_text("x")
    assert ml_dash("migrate", "fix", "code").returncode == 3
    subprocess.run(["git", "-C", str(project), "add", "."], check=True)
    done = ml_dash("migrate", "fix", "code")
    assert done.returncode == 2
    assert "(and 2 more) has changes that are not committed, so nothing could be" in done.stderr
    shutil.rmtree(project / ".git")
    done = ml_dash("migrate", "fix", "code")
    assert (done.returncode, "is in no git repository" in done.stderr) == (2, True)


def test_modes_links_and_encodings_stay(ml_dash: Process, tmp_path: Path) -> None:
    """A rewritten file keeps its permissions, and a link to it stays a link."""
    (tmp_path / "real.py").write_bytes(
        "# -*- coding: latin-1 -*-\n# caf\u00e9\n".encode("latin-1") + USE.encode()
    )
    (tmp_path / "real.py").chmod(0o775)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "link.py").symlink_to("../real.py")
    done = ml_dash("migrate", "fix", "code", "--allow-dirty")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "code" / "link.py").is_symlink()
    assert stat.S_IMODE((tmp_path / "real.py").stat().st_mode) == 0o775
    lines = (tmp_path / "real.py").read_bytes().splitlines()
    assert lines[1:] == ["# caf\u00e9".encode("latin-1"), *USE.replace(
        "get()", "get_or_raise()").encode().splitlines()]  # fmt: skip


def test_odd_files(ml_dash: Process, tmp_path: Path) -> None:
    """Loops of links, pipes, bytes and deep nests end in a line each, and nothing hangs."""
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "again").symlink_to(".")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "binary.py").write_bytes(b"ml_dash\0\1\2")
    (tmp_path / "deep.py").write_text("import ml_dash\nx = " + "(" * 250 + ")" * 250)
    (tmp_path / "long.py").write_text("import ml_dash\nx = " + "+".join(["1"] * 5000))
    (tmp_path / "old.py").write_text("import ml_dash\nprint 'python 2'\n")
    (tmp_path / "good.py").write_text(USE)
    done = ml_dash("migrate", "check", ".")
    assert done.returncode == 3
    assert done.stdout.startswith("good.py:2:34: MLD004 ParametersBuilder.get (certain, used)")
    told = "\n".join(sorted(line for line in done.stderr.splitlines() if "Passed over" in line))
    assert [line.split()[2].rstrip(":") for line in told.splitlines()] == [
        "binary.py", "deep.py", "long.py", "loop.py", "old.py",
    ]  # fmt: skip


@pytest.mark.parametrize("command", ["check", "fix"])
def test_a_path_that_is_not_there(ml_dash: Process, command: str) -> None:
    """It is wrong use."""
    done = ml_dash("migrate", command, "nowhere.py")
    assert (done.returncode, "nowhere.py" in done.stderr) == (2, True)


def test_nothing_to_look_at(ml_dash: Process, tmp_path: Path) -> None:
    """A folder without code is a failure, not a clean bill; two forms at once are wrong use."""
    (tmp_path / "notes.txt").write_text("x")
    for command in ("check", "fix"):
        done = ml_dash("migrate", command, ".")
        assert (done.returncode, "no Python file or notebook below ." in done.stderr) == (1, True)
    assert ml_dash("migrate", "check", ".", "--json", "--sarif").returncode == 2
    assert ml_dash("migrate", "report").returncode == 1


def test_without_libcst(process: Process, tmp_path: Path) -> None:
    """Check does without it; fix says what to install."""
    (tmp_path / "a.py").write_text(USE)
    code = ("import sys; sys.modules['libcst'] = None\n"
            "from ml_dash.cli import main; sys.exit(main(sys.argv[1:]))")  # fmt: skip
    assert process("-c", code, "migrate", "check", "a.py").returncode == 3
    done = process("-c", code, "migrate", "fix", "a.py", "--allow-dirty")
    assert (done.returncode, 'pip install "ml-dash[migrate]"' in done.stderr) == (1, True)
    assert (tmp_path / "a.py").read_text() == USE


def test_a_line_that_was_looked_at(ml_dash: Process, tmp_path: Path) -> None:
    """The comment `# ml-dash: checked` ends the finding."""
    (tmp_path / "a.py").write_text(USE.replace("get())", "get())  # ml-dash: checked"))
    assert ml_dash("migrate", "check", "a.py").returncode == 0


def test_many_modules_are_read_side_by_side(ml_dash: Process, tmp_path: Path) -> None:
    """Processes find what one process finds, across modules too."""
    names = ["\n".join(f"x{line} = {line}" for line in range(400)) for _ in range(12)]
    for number, lines in enumerate(names):
        (tmp_path / f"module_{number}.py").write_text(
            f"from tracking_{number} import make\nimport ml_dash\n{lines}\n"
            "print(make().params.get())\n"
        )
        (tmp_path / f"tracking_{number}.py").write_text(
            "from ml_dash import Experiment\n\ndef make():\n    return Experiment('a/b/c')\n"
        )
    found = json.loads(ml_dash("migrate", "check", ".", "--json").stdout)
    assert found["lines"] > 4000
    assert {(each["file"], each["line"]) for each in found["findings"]} == {
        (f"module_{number}.py", 403) for number in range(12)
    }
