"""Properties of the rewriter: programs made of parts behave as before, in every choice of flags."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ml_dash
from ml_dash.flags import TABLE

cst = pytest.importorskip("libcst")

from ml_dash.migrate.check import look  # noqa: E402 - after it is known to be there
from ml_dash.migrate.fix import Fixed, fix_all  # noqa: E402
from ml_dash.migrate.sources import Source, encoded, load  # noqa: E402

CORPUS = Path(__file__).parent / "corpus"
PROGRAM = Path("program.py")


def fixed(text: str, path: Path = PROGRAM) -> Fixed:
    """Return a program rewritten; unchanged where nothing was found."""
    source = Source(path, text)
    checked = look([source])
    assert checked.unread == {}
    done, failed = fix_all(checked)
    assert failed == {}
    return done[0] if done else Fixed(source, text, 0, 0)


# -- programs made of parts ------------------------------------------------------------------------

IMPORTS = {
    "from ml_dash import Experiment": "Experiment",
    "import ml_dash": "ml_dash.Experiment",
    "import ml_dash as md": "md.Experiment",
    "from ml_dash.experiment import Experiment as E": "E",
    "try:\n    from ml_dash import Experiment\nexcept ImportError:\n    Experiment = None":
        "Experiment",
}  # fmt: skip
ARGUMENTS = (
    '"ann/digits/one", dash_root=ROOT', '"ann/digits/one", local_path=ROOT',
    'prefix="ann/digits/one", dash_root=ROOT',
    '"ann/digits/one", local_path=str(ROOT), remote=None',
)  # fmt: skip
OPENINGS = (
    "with {new}.run as exp:\n{body}",
    "exp = {new}\nwith exp.run:\n{body}",
    "exp = {new}\nexp.run.start()\nif True:\n{body}\nexp.run.complete()",
    "def make():\n    return {new}\nexp = make()\nwith exp.run:\n{body}",
    "def main(exp):\n{body}\nwith {new}.run as run:\n    main(run)",
    ("class Trainer:\n    def __init__(self):\n        self.exp = {new}\n    def train(self):\n"
     "        exp = self.exp\n        with exp.run:\n{deep}\nTrainer().train()"),
    "with (exp := {new}).run:\n{body}",
    ("import contextlib\nwith contextlib.ExitStack() as stack:\n"
     "    exp = stack.enter_context({new}.run)\n{body}"),
    "async def main():\n    with {new}.run as exp:\n{deep}\nimport asyncio\nasyncio.run(main())",
    "for exp in [{new}]:\n    with exp.run:\n{deep}",
)
READS = (
    "exp.params.get()", "exp.params.get(flatten=False)", 'exp.files("models").exists()',
    'exp.files("models").list()', "exp.files.list()", 'exp.bindrs("x").list()',
    'exp.metrics("train").list_all()', 'exp.metrics("train").read()["data"][0]["data"]',
    'exp.metrics(name="train").read(0, 5)["data"]', 'exp.tracks("pose").list_entries()',
    'exp.tracks("pose").read()["entries"][0]',
    'exp.metrics("none").read()["data"] or "empty"',
)  # fmt: skip
SHOWN = (
    "show({read})", "value = {read}\nshow(value)", "show({read} if True else None)",
    "if {read}:\n    show('some')\nelse:\n    show('none')", "show(f'{{{read}}}')",
    "if (value := {read}) is None:\n    show('none')\nelse:\n    show(value)",
    "try:\n    value = {read}\nexcept Exception:\n    value = 'failed'\nshow(value)",
    "try:\n    show({read})\n    show(1 / 0)\nexcept Exception as error:\n    show(type(error))",
    "show([each for each in [{read}] if each])", "show((lambda: {read})())",
    "def ask():\n    return {read}\nshow(ask())", "show(\n    # why\n    {read},  # here\n)",
    "while not {read}:\n    break\nshow('done')", "{read}\nshow('unused')",
    "for value in [{read}]:\n    show(value)", "ask = lambda: ({read},)\nshow(*ask())",
    "assert {read} is not None\nshow('asserted')", "show({read}); show('; behind')",
)  # fmt: skip
LOGS = (
    'exp.log().info("plain")', 'exp.log(step=1).warn("step")',
    'exp.log(a=1, b="x").info("two", c=3)', 'exp.log(metadata={"a": 1}, b=2).error("facts")',
    'exp.log(metadata=dict(a=1)).info("by name")',
    'exp.log(a=1).info("twice", a=2)', 'kept = exp.log()\nkept.info("kept")',
    'kept = exp.log(run=1)\nkept.info("with run")', 'exp.log("message", level="warn", a=1)',
    'exp.log(None, step=2).debug(message="named")', '(exp\n .log(step=3)\n .info("lines"))',
)  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> str:
    """Return what a program does with what it reads, or a line that it logs."""
    if draw(st.booleans()):
        return draw(st.sampled_from(LOGS))
    read = draw(st.sampled_from(READS))
    return draw(st.sampled_from(SHOWN)).format(read=read)


def indented(text: str, depth: int) -> str:
    return "\n".join(" " * depth + line if line else line for line in text.splitlines())


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Return a program that records a little, and reads it in ways that change."""
    first, name = draw(st.sampled_from(sorted(IMPORTS.items())))
    opening = draw(st.sampled_from(OPENINGS))
    body = "\n".join([
        "exp.params.set(lr=0.1, model={'depth': 2})", 'exp.metrics("train").log(loss=0.5)',
        'exp.tracks("pose").append(x=1.5, _ts=2.0)', "exp.tracks.flush()",
        'exp.files("models").save_text("w", to="w.txt")',
        *draw(st.lists(statements(), min_size=1, max_size=4)),
    ])  # fmt: skip
    made = f"{name}({draw(st.sampled_from(ARGUMENTS))})"
    main = opening.format(new=made, body=indented(body, 4), deep=indented(body, 12))
    lines = draw(st.sampled_from(["", "# -*- coding: utf-8 -*-\n", '"""What it does."""\n']))
    return f"{lines}{first}\n\n\n{main}\n"


VARIES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d{15,}\b")
"""Times and ids."""


def run(text: str, root: Path, *choices: str) -> list[str]:
    """Run a program in this process; return what it shows and what it leaves in its log."""
    shutil.rmtree(root, ignore_errors=True)
    shown: list[str] = []
    names = {"ROOT": root, "show": lambda *values: shown.append(VARIES.sub("...", str(values))),
             "__name__": "__main__"}  # fmt: skip
    quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
    with quiet[0], quiet[1], warnings.catch_warnings(), ml_dash.future.override(*choices):
        warnings.simplefilter("ignore")
        exec(compile(text, "program.py", "exec"), names)
    log = root / "ann/digits/one/logs/logs.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [*shown, *(str((each["level"], each["message"], each.get("metadata")))
                      for each in records)]  # fmt: skip


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """Return a folder for the runs of all examples."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / ".dash"


flags = st.lists(
    st.sampled_from([flag.name for flag in TABLE]).flatmap(
        lambda name: st.sampled_from([name, f"-{name}"])
    ), max_size=4,
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[
    HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(text=programs(), choices=flags)
def test_a_program_that_was_made(root: Path, text: str, choices: list[str]) -> None:
    """It parses, is stable, and does the same: as 0.6, as 1.0, and with any flags."""
    before = run(text, root, "0.6")
    done = fixed(text)
    cst.parse_module(done.text)
    again = fixed(done.text)
    assert (again.text, again.rewritten, again.left) == (done.text, 0, done.left)
    assert run(done.text, root, "0.6") == before
    if "TODO(ml-dash MLD006)" not in done.text:  # what is only marked raises under its flag
        assert run(done.text, root, "1.0") == before
        assert run(done.text, root, "0.6", *choices) == before


# -- programs of the corpus, in other clothes ------------------------------------------------------

FILES = sorted(path for path in CORPUS.rglob("*.py") if path.parent == CORPUS)


CLOTHES = {
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "tabs": lambda text: text.replace("    ", "\t"),
    "a branch": lambda text: f"if __name__:\n{indented(text, 8)}\n",
    "comments": lambda text: text.replace("\n\n", "\n# between\n\n"),
    "form feeds": lambda text: text.replace("\n\n", "\n\n\f\n\n"),
    "no newline at the end": lambda text: text.rstrip("\n"),
}  # fmt: skip
AT_THE_TOP = ('"""', "from __future__")
"""What cannot stand in a branch."""


def uses(text: str) -> list[tuple[str, str, str, str, str]]:
    """Return what is found in a program, without its places."""
    found = look([Source(PROGRAM, text)])
    assert found.unread == {}
    return [(each.flag, each.api, each.certainty, each.context, each.becomes)
            for each in found.findings]  # fmt: skip


@pytest.mark.parametrize("clothes", CLOTHES)
def test_clothes_do_not_matter(clothes: str) -> None:
    """A program that is only laid out in another way has the same uses."""
    for path in FILES:
        text = path.read_text()
        if clothes != "a branch" or not any(each in text for each in AT_THE_TOP):
            assert uses(CLOTHES[clothes](text)) == uses(text), path.name


@pytest.mark.parametrize("path", FILES[::6], ids=lambda path: path.stem)
def test_rewriting_keeps_the_clothes(path: Path) -> None:
    """Rewritten with other line ends and indents, it is what it would be, in these clothes."""
    text, dress = path.read_text(), CLOTHES["carriage returns"]
    done = fixed(dress(text))
    assert done.text == dress(fixed(text).text)
    again = fixed(done.text)
    assert (again.text, again.rewritten, again.left) == (done.text, 0, done.left)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(alphabet="ab\n %!?'\"#\\{}é=.", max_size=30), max_size=4),
       kinds=st.lists(st.booleans(), max_size=4))  # fmt: skip
def test_any_notebook_comes_back_as_it_was(texts: list[str], kinds: list[bool]) -> None:
    """Cells that are no Python, empty, or without a last newline are not touched."""
    cells = [{"cell_type": "code" if kind else "markdown", "metadata": {},
              "source": text.splitlines(keepends=True)}
             for text, kind in zip(texts, kinds, strict=False)]  # fmt: skip
    raw = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1, ensure_ascii=False)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.ipynb"
        path.write_text(raw, "utf-8")
        source = load(path)
        assert encoded(source, source.text).decode() == raw
        assert source == replace(source)
