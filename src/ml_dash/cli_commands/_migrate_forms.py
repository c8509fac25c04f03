"""How findings of ``ml-dash migrate check`` are printed: for people, SARIF, GitHub."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import ml_dash
from ml_dash.cli_commands._output import counted

if TYPE_CHECKING:
    from ml_dash.migrate.check import Checked, Finding

MOVED: Final = ("MLD000", "moved_names", "A name has another home, or another name, now")
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def line(each: Finding) -> str:
    """Return a finding as compilers print theirs."""
    guarded = ", below a broad except" if each.guarded else ""
    return (f"{each.place}: {each.flag} {each.api} ({each.certainty}, {each.context}{guarded}): "
            f"{each.advice}")  # fmt: skip


def summary(done: Checked, paths: Sequence[Path]) -> str:
    """Return how much was found, and the command that mends it."""
    certain = sum(each.is_certain for each in done.findings)
    text = (f"{certain} certain and {counted(len(done.findings) - certain, 'likely use')} in "
            f"{counted(done.files, 'file')}, {counted(done.lines, 'line')}")  # fmt: skip
    if not done.findings:
        return text
    return f"{text}; mend them with `ml-dash migrate fix {shlex.join(map(str, paths))}`"


def _message(each: Finding) -> str:
    where = f"Cell {each.cell}, line {each.line}: " if each.cell else ""
    what = "has moved" if each.flag == MOVED[0] else "changes in 0.9"
    return f"{where}{each.api} {what}: {each.advice}"


def _line_of_file(each: Finding) -> tuple[int, int]:
    # A cell's lines are texts in the JSON of a notebook.
    return (1, 1) if each.cell else (each.line, each.column)


# -- GitHub ----------------------------------------------------------------------------------------


def of_github(done: Checked) -> Iterator[str]:
    """Yield the findings as workflow commands that annotate a pull request."""
    for each in done.findings:
        number, column = _line_of_file(each)
        level = "warning" if each.is_certain else "notice"
        place = f"file={_property(each.file)},line={number},col={column}"
        yield f"::{level} {place},title={each.flag}::{_data(_message(each))}"
    for file, why in done.unread.items():
        yield f"::error file={_property(file)}::{_data(f'Not checked: {why}')}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# -- SARIF -----------------------------------------------------------------------------------------


def sarif(done: Checked) -> dict[str, Any]:
    """Return a log of SARIF 2.1.0."""
    rules = _rules()
    places = {rule["id"]: number for number, rule in enumerate(rules)}
    driver = {"name": "ml-dash", "version": ml_dash.__version__, "rules": rules,
              "semanticVersion": ml_dash.__version__}  # fmt: skip
    told = [
        {"level": "error", "message": {"text": f"Not checked: {why}"},
         "locations": [{"physicalLocation": {"artifactLocation": _artifact(file)}}]}
        for file, why in done.unread.items()
    ]  # fmt: skip
    invocation = {"executionSuccessful": not told, "toolExecutionNotifications": told}
    run = {"tool": {"driver": driver}, "invocations": [invocation],
           "columnKind": "unicodeCodePoints",
           "results": [_result(each, places) for each in done.findings]}  # fmt: skip
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rules() -> list[dict[str, Any]]:
    from ml_dash.flags import TABLE

    number, name, text = MOVED
    moved = {"id": number, "name": name, "shortDescription": {"text": text},
             "help": {"text": "See MIGRATION.md#moved-names"}}  # fmt: skip
    return [moved, *(
        {"id": flag.id, "name": flag.name, "shortDescription": {"text": flag.new},
         "fullDescription": {"text": f"0.6: {flag.old}. From {flag.since('on')} on: {flag.new}."},
         "help": {"text": f"See {flag.anchor}"}}
        for flag in TABLE
    )]  # fmt: skip


def _result(each: Finding, places: dict[str, int]) -> dict[str, Any]:
    number, column = _line_of_file(each)
    return {
        "ruleId": each.flag, "ruleIndex": places[each.flag],
        "level": "warning" if each.is_certain else "note",
        "message": {"text": _message(each)},
        "locations": [{"physicalLocation": {
            "artifactLocation": _artifact(each.file),
            "region": {"startLine": number, "startColumn": column},
        }}],
        "properties": {"certainty": each.certainty, "context": each.context,
                       "guarded": each.guarded},
    }  # fmt: skip


def _artifact(file: str) -> dict[str, str]:
    path = Path(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
