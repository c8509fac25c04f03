"""The checker and the rewriter on programs as users of 0.6 write them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.migrate.conftest import Process

cst = pytest.importorskip("libcst")

from ml_dash.migrate.check import check, known_of  # noqa: E402 - after it is known to be there
from ml_dash.migrate.fix import Fixed, fix  # noqa: E402
from ml_dash.migrate.sources import Source, encoded, load  # noqa: E402

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted([*CORPUS.rglob("*.py"), *CORPUS.rglob("*.ipynb")])
MARK = re.compile(r"#: (MLD\d{3}) (certain|likely) (.*?)\s*$")
RUNS = [path for path in FILES if path.suffix == ".py" and path.read_text().startswith("# runs")]

Expected = dict[int, tuple[str, str, str]]


def marks(source: Source) -> Expected:
    """Return what is marked in a program, by line."""
    return {
        number: (match[1], match[2], match[3])
        for number, line in enumerate(source.text.splitlines(), 1)
        if (match := MARK.search(line))
    }


def found() -> dict[Path, dict[int, set[tuple[str, str]]]]:
    """Return what the checker finds in the corpus, by file and line of the whole source."""
    done = check([CORPUS])
    assert done.unread == {}
    result: dict[Path, dict[int, set[tuple[str, str]]]] = {path: {} for path in FILES}
    for each in done.findings:
        path = Path(each.file)
        source = load(path)
        whole = next(line for line in range(1, source.text.count("\n") + 2)
                     if source.place(line) == (each.cell, each.line))  # fmt: skip
        result[path].setdefault(whole, set()).add((each.flag, each.certainty))
    return result


def fixed(path: Path) -> Fixed:
    """Return a program of the corpus, rewritten."""
    near = [load(each) for each in path.parent.iterdir() if each.suffix in (".py", ".ipynb")]
    return fix(load(path), known_of(near))


def test_the_corpus_is_what_it_should_be() -> None:
    """There are at least 40 programs, with and without uses, and notebooks among them."""
    assert len(FILES) >= 40
    assert sum(path.suffix == ".ipynb" for path in FILES) >= 2
    assert sum(not marks(load(path)) for path in FILES) >= 3
    assert len(RUNS) >= 7


def test_precision_and_recall() -> None:
    """What is certain is marked as certain, always; 95 of 100 marks are found at least."""
    wrong, missed, expected = [], [], 0
    for path, lines in found().items():
        marked = marks(load(path))
        for line, uses in lines.items():
            for flag, certainty in uses:
                if certainty == "certain" and marked.get(line, ("", ""))[:2] != (flag, certainty):
                    wrong.append((path.name, line, flag))
        for line, (flag, certainty, _) in marked.items():
            expected += 1
            if (flag, certainty) not in lines.get(line, ()):
                missed.append((path.name, line, flag, certainty))
    assert wrong == []
    assert len(missed) <= 0.05 * expected, missed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_rewritten_program(path: Path) -> None:
    """Marked lines become what they should, all others stay, and a second run changes nothing."""
    source = load(path)
    done = fixed(path)
    marked = marks(source)
    cst.parse_module(done.text)
    todo = "# TODO(ml-dash "
    added = "from ml_dash.exceptions import MLDashError"
    lines = [each for each in done.text.splitlines() if todo not in each and each != added]
    before = source.text.splitlines()
    assert len(lines) == len(before)
    for number, (old, new) in enumerate(zip(before, lines, strict=True), 1):
        expected = marked.get(number, ("", "", ""))[2]
        if not expected or expected == "TODO":
            assert new == old or (old.strip(), new.strip()) == (
                "except Exception:", "except MLDashError:",
            )  # fmt: skip
        else:
            assert expected in new.split("#:")[0]
            assert expected not in old.split("#:")[0]
    assert done.text.count(todo) == sum(each[2] == "TODO" for each in marked.values())
    near = [load(each) for each in path.parent.iterdir() if each.suffix in (".py", ".ipynb")]
    again = fix(replace(source, text=done.text), known_of(near))
    assert (again.text, again.rewritten) == (done.text, 0)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_it_prints_the_same(process: Process, tmp_path: Path, path: Path) -> None:
    """A rewritten program prints on 0.6's semantics and on 1.0's what it printed before."""
    program = tmp_path / "program.py"
    outputs = []
    for text, release in (
        (path.read_text(), "0.6"), (fixed(path).text, "0.6"), (fixed(path).text, "1.0"),
    ):  # fmt: skip
        program.write_text(text)
        shutil.rmtree(tmp_path / ".dash", ignore_errors=True)
        done = process("program.py", ML_DASH_FUTURE=release)
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0]
    assert outputs == [outputs[0]] * 3


def test_notebooks_stay_notebooks(tmp_path: Path) -> None:
    """Only the changed lines of a notebook's file change; magics come back as they were."""
    for path in CORPUS.glob("*.ipynb"):
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        source = load(copy)
        assert encoded(source, source.text) == copy.read_bytes()
        copy.write_bytes(encoded(source, fixed(path).text))
        json.loads(copy.read_text())
        old, new = path.read_text().splitlines(), copy.read_text().splitlines()
        assert len(old) == len(new)
        changed = [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]]
        assert len(changed) == len(marks(load(path)))


# -- the commands ----------------------------------------------------------------------------------


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
    assert "2 uses were rewritten in 2 files; 2 are marked for you." in done.stderr
    assert "exp.params.get_or_raise()" in (project / "uses_factory.py").read_text()
    dirty = ml_dash("migrate", "fix", "code")
    assert (dirty.returncode, "not committed" in dirty.stderr) == (2, True)
    again = ml_dash("migrate", "fix", "code", "--allow-dirty")
    assert "0 uses were rewritten in 0 files; 2 are marked" in again.stderr
    left = ml_dash("migrate", "check", "code")
    assert (left.returncode, left.stdout.count(", unused)")) == (3, 2)


def test_what_git_does_not_keep_is_not_rewritten(ml_dash: Process, project: Path) -> None:
    """A file that git ignores is clean, and could not be restored."""
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "exclude").write_text("mine.py\n")
    text = "from ml_dash import Experiment\nprint(Experiment('a/b/c').params.get())\n"
    (project / "mine.py").write_text(text)
    done = ml_dash("migrate", "fix", "code")
    assert (done.returncode, "git does not keep" in done.stderr) == (2, True)
    assert (project / "mine.py").read_text() == text


def test_a_byte_order_mark_stays(ml_dash: Process, tmp_path: Path) -> None:
    """A file keeps the mark and the line ends that it has."""
    file = tmp_path / "a.py"
    text = "from ml_dash import Experiment\r\nprint(Experiment('a/b/c').params.get())\r\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert ml_dash("migrate", "fix", "a.py", "--allow-dirty").returncode == 0
    new = text.replace("params.get()", "params.get_or_raise()")
    assert file.read_bytes() == b"\xef\xbb\xbf" + new.encode()


def test_forms_of_findings(ml_dash: Process, project: Path) -> None:
    """SARIF and annotations carry file, line and flag of each finding."""
    sarif = json.loads(ml_dash("migrate", "check", "code", "--sarif").stdout)
    results = sarif["runs"][0]["results"]
    assert {each["ruleId"] for each in results} == {"MLD001", "MLD003", "MLD004"}
    assert {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]} >= {"MLD001"}
    lines = ml_dash("migrate", "check", "code", "--github").stdout.splitlines()
    assert len(lines) == 4
    assert all(re.match(r"::warning file=code/\S+,line=\d+,col=\d+,title=MLD00\d::", line)
               for line in lines)  # fmt: skip


def test_only_what_runs_have_met(ml_dash: Process, project: Path) -> None:
    """With --from only the lines of a report are rewritten."""
    row = {"file": str(project / "uses_factory.py"), "line": 4, "api": "x"}
    (project.parent / "known.json").write_text(json.dumps([row]))
    done = ml_dash("migrate", "fix", "code", "--from", "known.json")
    assert (done.returncode, "1 uses were rewritten in 1 files; 0 are" in done.stderr) == (0, True)
    assert "client.get_project_id(" in (project / "uses_factory.py").read_text()


def test_asking_for_each_file(process: Process, project: Path) -> None:
    """--interactive writes what is answered with yes."""
    done = subprocess.run(
        [sys.executable, "-m", "ml_dash.cli", "migrate", "fix", "code", "--interactive"],
        cwd=project.parent, input="y\nn\n", text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert "2 uses were rewritten in 1 files" in done.stderr or "0 uses" in done.stderr
    assert done.stderr.count("Write code/") == 2


def test_what_is_no_python(ml_dash: Process, tmp_path: Path) -> None:
    """A file that cannot be read is named, the others are checked, and the code is 3."""
    (tmp_path / "a.py").write_text("import ml_dash\nprint(")
    (tmp_path / "b.py").write_bytes(b"import ml_dash\n\xff")
    (tmp_path / "c.ipynb").write_text("{}")
    (tmp_path / "d.py").write_text("import ml_dash\n")
    done = ml_dash("migrate", "check", ".")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("Passed over") == 3


def test_nothing_to_find(ml_dash: Process, tmp_path: Path) -> None:
    """Code without a use is exit code 0."""
    (tmp_path / "a.py").write_text("from ml_dash import Experiment\n")
    done = ml_dash("migrate", "check", "a.py")
    assert (done.returncode, done.stdout) == (0, "")
    assert ml_dash("migrate", "fix", "a.py", "--allow-dirty").returncode == 0
