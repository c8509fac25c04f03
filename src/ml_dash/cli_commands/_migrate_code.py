"""``ml-dash migrate check`` and ``fix``: a project's code, without running it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import ml_dash
from ml_dash._base import console, fsio
from ml_dash.cli_commands._call import current, fault, json_option, note
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._output import put_json
from ml_dash.exceptions import UsageError

if TYPE_CHECKING:
    from ml_dash.migrate.check import Checked, Finding
    from ml_dash.migrate.fix import Fixed

_PATHS = click.argument("paths", nargs=-1, required=True,
                        type=click.Path(exists=True, path_type=Path))  # fmt: skip


@click.command("check")
@_PATHS
@click.option("--sarif", "form", flag_value="sarif", help="Print SARIF, for code hosts.")
@click.option("--github", "form", flag_value="github", help="Print annotations for GitHub.")
@json_option
def check(paths: tuple[Path, ...], form: str | None, as_json: bool) -> int:
    """Find the lines of your code that use what changes, without running it.

    PATHS are Python files, notebooks and folders. Each line is certain, or likely where it cannot
    be seen what a name is. Exit code 3 means that there is one.
    """
    from ml_dash.migrate.check import check as look

    with console.progress("Checking", 0, quiet=current().quiet or None) as advance:
        done = look(paths, advance)
    for file, why in done.unread.items():
        fault(f"Passed over {file}: {why}")
    if as_json:
        put_json({"findings": [vars(each) for each in done.findings], "unread": done.unread,
                  "files": done.files, "lines": done.lines})  # fmt: skip
    elif form == "sarif":
        put_json(_sarif(done))
    else:
        for each in done.findings:
            click.echo(_annotation(each) if form == "github" else _line(each))
        note(_summary(done))
    return PARTLY if done.findings or done.unread else DONE


def _line(each: Finding) -> str:
    guarded = ", below a broad except" if each.guarded else ""
    return (f"{each.place}: {each.flag} {each.api} ({each.certainty}, {each.context}{guarded}): "
            f"{each.advice}")  # fmt: skip


def _annotation(each: Finding) -> str:
    level = "warning" if each.certainty == "certain" else "notice"
    return (f"::{level} file={each.file},line={each.line},col={each.column},title={each.flag}::"
            f"{each.api} changes in 0.9: {each.advice}")  # fmt: skip


def _summary(done: Checked) -> str:
    certain = sum(each.certainty == "certain" for each in done.findings)
    return (f"{certain} certain and {len(done.findings) - certain} likely uses in {done.files} "
            f"files, {done.lines} lines" + ("; mend them with `ml-dash migrate fix`"
                                            if certain else ""))  # fmt: skip


def _sarif(done: Checked) -> dict[str, Any]:
    from ml_dash.flags import FLAGS

    rules = [{"id": flag.id, "name": flag.name, "shortDescription": {"text": flag.new}}
             for flag in FLAGS.values()]  # fmt: skip
    results = [
        {
            "ruleId": each.flag, "level": "warning" if each.certainty == "certain" else "note",
            "message": {"text": f"{each.api} changes in 0.9: {each.advice}"},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": Path(each.file).as_posix()},
                "region": {"startLine": each.line, "startColumn": each.column},
            }}],
        }
        for each in done.findings
    ]  # fmt: skip
    driver = {"name": "ml-dash", "version": ml_dash.__version__, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }  # fmt: skip


@click.command("fix")
@_PATHS
@click.option("--diff", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--from", "known", type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help="Only lines that `migrate report --json` has listed in this file.")  # fmt: skip
@click.option("--interactive", is_flag=True, help="Show each file's change, and ask.")
@click.option("--allow-dirty", is_flag=True, help="Also where git could not undo it.")
def fix(paths: tuple[Path, ...], diff: bool, known: Path | None, interactive: bool,
        allow_dirty: bool) -> int:  # fmt: skip
    """Rewrite the lines of your code that use what changes, where it is certain what is meant.

    Calls become their siblings that raise, or that answer None where the code tests for it;
    arguments get their new names; what is not certain gets a comment, TODO(ml-dash ...). The
    result runs on 0.7 with every flag off and on. Exit code 3 means that comments are left.
    """
    if not (diff or allow_dirty):
        _refuse_dirty(paths)
    left = changed = rewritten = 0
    done = _fixed(paths, _lines_of(known))
    if not (diff or allow_dirty):
        _refuse_dirty([each.source.path for each in done if each.text != each.source.text])
    for each in done:
        left += each.left
        if each.text == each.source.text:
            continue
        if diff or interactive:
            click.echo(each.diff, nl=False)
        if diff or (interactive and not click.confirm(f"Write {each.source.path}?", err=True)):
            continue
        _write(each)
        changed, rewritten = changed + 1, rewritten + each.rewritten
    if not diff:
        note(f"{rewritten} uses were rewritten in {changed} files; {left} are marked for you.")
    return PARTLY if left else DONE


def _refuse_dirty(paths: Sequence[Path]) -> None:
    from ml_dash.migrate.check import need_libcst

    need_libcst()
    from ml_dash.migrate.fix import why_not

    for path in paths:
        why = why_not(path)
        if why:
            raise UsageError(why, hint="Commit first, look with --diff, or give --allow-dirty")


def _lines_of(known: Path | None) -> dict[str, set[int]] | None:
    if known is None:
        return None
    found: dict[str, set[int]] = {}
    try:
        for row in json.loads(known.read_bytes()):
            found.setdefault(str(Path(row["file"]).resolve()), set()).add(int(row["line"]))
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{known} is not what `migrate report --json` prints.") from error
    return found


def _fixed(paths: Sequence[Path], lines: dict[str, set[int]] | None) -> list[Fixed]:
    from ml_dash.migrate.check import check as look
    from ml_dash.migrate.check import known_of
    from ml_dash.migrate.fix import fix as rewrite
    from ml_dash.migrate.sources import find_sources, load

    done = look(paths)
    for file, why in done.unread.items():
        fault(f"Passed over {file}: {why}")
    readable = [path for path in find_sources(paths) if str(path) not in done.unread]
    project = known_of([load(path) for path in readable])
    sources = [load(Path(file)) for file in dict.fromkeys(each.file for each in done.findings)]
    if lines is None:
        return [rewrite(source, project) for source in sources]
    return [rewrite(source, project, lines.get(str(source.path.resolve()), set()))
            for source in sources]  # fmt: skip


def _write(fixed: Fixed) -> None:
    from ml_dash.migrate.sources import encoded

    data = encoded(fixed.source, fixed.text)
    fsio.write_atomic(fixed.source.path, data, mode=fixed.source.path.stat().st_mode & 0o777)



