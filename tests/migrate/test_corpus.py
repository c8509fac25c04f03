"""The checker and the rewriter on programs as users of 0.6 write them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.migrate.conftest import Process

cst = pytest.importorskip("libcst")

from ml_dash.migrate.check import Checked, check, look  # noqa: E402 - after it is known to be there
from ml_dash.migrate.fix import Fixed, fix_all  # noqa: E402
from ml_dash.migrate.sources import Source, encoded, find_sources, load  # noqa: E402

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted([*CORPUS.rglob("*.py"), *CORPUS.rglob("*.ipynb")])
MARKS = re.compile(r"#: (MLD\d{3} .*?)\s*$")
MARK = re.compile(r"(MLD\d{3}) (certain|likely) (.*?)(?=, MLD|$)")
FOLLOWS = re.compile(r"#= (.*?)\s*$")
RUNS = [path for path in FILES if path.suffix == ".py" and path.read_text().startswith("# runs")]


@dataclass(frozen=True)
class Mark:
    """What a line of a program is marked with.

    Attributes:
        flag: What changes there.
        certainty: How sure the checker should be.
        new: What the line has after `fix`; ``TODO`` for a comment above it.
    """

    flag: str
    certainty: str
    new: str


def marks(source: Source) -> dict[int, list[Mark]]:
    """Return what is marked in a program, by line."""
    return {
        number: [Mark(*each) for each in MARK.findall(match[1])]
        for number, line in enumerate(source.lines, 1)
        if (match := MARKS.search(line))
    }


@pytest.fixture(scope="module")
def checked() -> Checked:
    """Check the corpus, as one project."""
    done = check([CORPUS])
    assert done.unread == {}
    return done


@pytest.fixture(scope="module")
def rewritten(checked: Checked) -> dict[Path, Fixed]:
    """Rewrite the corpus."""
    done, failed = fix_all(checked)
    assert failed == {}
    return {each.source.path: each for each in done}


def found_in(checked: Checked, path: Path) -> dict[int, set[tuple[str, str]]]:
    """Return flags and certainties of what is found in a program, by line."""
    found: dict[int, set[tuple[str, str]]] = {}
    for source, uses in checked.uses:
        for use in uses if source.path == path else ():
            found.setdefault(use.line, set()).add((use.flag, use.certainty))
    return found


def test_the_corpus_is_what_it_should_be() -> None:
    """There are many programs, with and without uses, and notebooks among them."""
    assert len(FILES) >= 70
    assert sum(path.suffix == ".ipynb" for path in FILES) >= 3
    assert sum(not marks(load(path)) for path in FILES) >= 5
    assert len(RUNS) >= 12
    assert sum(len(each) for path in FILES for each in marks(load(path)).values()) >= 250


def test_precision_and_recall(checked: Checked) -> None:
    """What is certain is marked as certain, always; 95 of 100 marks are found at least."""
    wrong, missed, expected = [], [], 0
    for path in FILES:
        marked = {line: {(each.flag, each.certainty) for each in found}
                  for line, found in marks(load(path)).items()}  # fmt: skip
        found = found_in(checked, path)
        wrong += [(path.name, line, use) for line, uses in found.items()
                  for use in uses
                  if use[1] == "certain" and use not in marked.get(line, ())]  # fmt: skip
        missed += [(path.name, line, use) for line, uses in marked.items()
                   for use in uses if use not in found.get(line, ())]  # fmt: skip
        expected += sum(map(len, marked.values()))
    assert wrong == []
    assert len(missed) <= 0.05 * expected, missed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_rewritten_program(rewritten: dict[Path, Fixed], path: Path) -> None:
    """Marked lines become what they should, and all others stay."""
    source = load(path)
    text = rewritten[path].text if path in rewritten else source.text
    cst.parse_module(text)
    marked = marks(source)
    before, lines = source.text.splitlines(), without_additions(source.text, text)
    assert len(lines) == len(before)
    for number, (old, new) in enumerate(zip(before, lines, strict=True), 1):
        expected = [each.new for each in marked.get(number, ()) if each.new != "TODO"]
        expected += FOLLOWS.findall(old)
        code, was = (re.split("#[:=]", each)[0] for each in (new, old))
        if expected:
            assert [each for each in expected if each not in code or each in was] == []
        else:
            assert new == old
    todo = sum(each.new == "TODO" for found in marked.values() for each in found)
    found = found_in(check([path]), path).values()
    extra = sum(use[1] == "likely" for uses in found for use in uses)
    assert todo <= text.count("# TODO(ml-dash ") <= todo + extra



def without_additions(before: str, after: str) -> list[str]:
    """Return the lines of a rewritten program without comments and imports that are new."""
    had = set(before.splitlines())
    return [line for line in after.splitlines() if "# TODO(ml-dash " not in line
            and not (line.startswith("from ml_dash.exceptions import") and line not in had
                     and "#:" not in line)]  # fmt: skip


def test_a_second_run_changes_nothing(rewritten: dict[Path, Fixed]) -> None:
    """What was rewritten is not found again, and no comment is written twice."""
    sources = [replace(source, text=rewritten[source.path].text) if source.path in rewritten
               else source for source in map(load, find_sources([CORPUS]))]  # fmt: skip
    checked = look(sources)
    assert checked.unread == {}
    done, failed = fix_all(checked)
    assert failed == {}
    assert [each.diff for each in done if each.text != each.source.text] == []
    assert {each.source.path.name: each.left for each in done if each.left} == {
        path.name: each.left for path, each in rewritten.items() if each.left
    }


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
def test_it_prints_the_same(
    process: Process, tmp_path: Path, rewritten: dict[Path, Fixed], path: Path
) -> None:
    """A rewritten program prints on 0.6's semantics and on 1.0's what it printed before."""
    program = tmp_path / "program.py"
    new = rewritten[path].text if path in rewritten else path.read_text()
    outputs = []
    for text, release in ((path.read_text(), "0.6"), (new, "0.6"), (new, "1.0")):
        if "# TODO(ml-dash " in text and release == "1.0":
            continue  # what is only marked does not run there
        program.write_text(text)
        shutil.rmtree(tmp_path / ".dash", ignore_errors=True)
        done = process("program.py", ML_DASH_FUTURE=release, ML_DASH_ECHO="1")
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[0]
    assert outputs == [outputs[0]] * len(outputs)


def test_notebooks_stay_notebooks(tmp_path: Path, rewritten: dict[Path, Fixed]) -> None:
    """Only the changed lines of a notebook's file change; magics come back as they were."""
    for path in CORPUS.glob("*.ipynb"):
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        source = load(copy)
        assert encoded(source, source.text) == copy.read_bytes()
        copy.write_bytes(encoded(source, rewritten[path].text))
        old, new = (json.loads(each.read_text()) for each in (path, copy))
        assert len(old["cells"]) == len(new["cells"])
        for cell, changed in zip(old["cells"], new["cells"], strict=True):
            text = [line for line in changed["source"] if "TODO(ml-dash" not in line]
            assert len(text) == len(cell["source"])
            assert all(now == was or "#: MLD" in was
                       for was, now in zip(cell["source"], text, strict=True))  # fmt: skip
