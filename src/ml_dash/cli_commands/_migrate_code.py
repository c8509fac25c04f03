"""``ml-dash migrate check`` and ``fix``: a project's code, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_dash._base import console, fsio
from ml_dash.cli_commands import _migrate_forms as forms
from ml_dash.cli_commands._call import current, fault, json_option, note
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._migrate_rows import rows_of
from ml_dash.cli_commands._output import counted, put_json
from ml_dash.exceptions import FileReadError, LocalWriteError, MissingDependencyError, UsageError

if TYPE_CHECKING:
    from ml_dash.migrate.check import Checked
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
    be seen what a name is. A line with the comment `# ml-dash: checked` is passed over. Exit code 3
    means that there is one, or that a file could not be read.
    """
    if as_json and form is not None:
        raise click.UsageError(f"--json and --{form} cannot be given together.")
    done = _checked(paths)
    if as_json:
        put_json({"findings": [vars(each) for each in done.findings], "unread": done.unread,
                  "files": done.files, "lines": done.lines})  # fmt: skip
    elif form == "sarif":
        put_json(forms.sarif(done))
    elif form == "github":
        for line in forms.of_github(done):
            click.echo(line)
    else:
        for each in done.findings:
            click.echo(forms.line(each))
    note(forms.summary(done, paths))
    return PARTLY if done.findings or done.unread else DONE


@click.command("fix")
@_PATHS
@click.option("--diff", is_flag=True, help="Print what would change, and change nothing.")
@click.option("--from", "known", type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help="Only lines that runs have met: what `migrate report --json` printed, or "
              "what it reads: a run, a folder of runs, a log.")  # fmt: skip
@click.option("--interactive", is_flag=True, help="Show each file's change, and ask.")
@click.option("--allow-dirty", is_flag=True, help="Also where git could not undo it.")
def fix(paths: tuple[Path, ...], diff: bool, known: Path | None, interactive: bool,
        allow_dirty: bool) -> int:  # fmt: skip
    """Rewrite the lines of your code that use what changes, where it is certain what is meant.

    Calls become their siblings that raise, or that answer None where the code tests for it;
    arguments get their new names; what is not certain gets a comment, TODO(ml-dash ...). The
    result runs on 0.7 with every flag off and on. Files must be committed in git, so that it can
    undo. Exit code 3 means that comments are left or, with --diff, that something would change.
    """
    _need_libcst()
    checked = _checked(paths)
    if not (diff or allow_dirty):
        _refuse_dirty(paths, written=False)
    done, failed = _fixed(checked, known)
    changed = [each for each in done if each.text != each.source.text]
    if not (diff or allow_dirty):
        _refuse_dirty([each.source.path for each in changed], written=True)
    left = sum(each.left for each in done)
    written = [each for each in changed if _take(each, diff, interactive)]
    rewritten = sum(each.rewritten for each in written)
    declined = sum(each.rewritten for each in changed) - rewritten
    if not diff:
        note(f"{counted(rewritten, 'use')} rewritten in {counted(len(written), 'file')}, {left} "
             "marked for you" + (f", {declined} not written." if declined else "."))  # fmt: skip
    return PARTLY if left or declined or failed or checked.unread else DONE


def _checked(paths: Sequence[Path]) -> Checked:
    from ml_dash.migrate.check import check as look

    with console.progress("Checking", 0, quiet=current().quiet or None) as advance:
        checked = look(paths, advance)
    for file, why in checked.unread.items():
        fault(f"Passed over {file}: {why}")
    if not checked.files:
        raise FileReadError(
            f"There is no Python file or notebook below {', '.join(map(str, paths))}",
            hint="Give files and folders of your code",
        )
    return checked


def _need_libcst() -> None:
    try:
        import libcst  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "`migrate fix` needs LibCST", hint='pip install "ml-dash[migrate]"; '
            "`ml-dash migrate check` does without it", cause=error,
        ) from error  # fmt: skip


def _refuse_dirty(paths: Sequence[Path], *, written: bool) -> None:
    from ml_dash.migrate.fix import why_not

    why = why_not(paths, written=written)
    if why:
        raise UsageError(why, kept="all files as they were",
                         hint="Commit first, look with --diff, or give --allow-dirty")  # fmt: skip


def _fixed(checked: Checked, known: Path | None) -> tuple[list[Fixed], dict[str, str]]:
    from ml_dash.migrate.fix import fix_all, unfound

    rows = None if known is None else rows_of(known)
    done, failed = fix_all(checked, rows)
    for file, why in failed.items():
        fault(f"Passed over {file}: {why}")
    for row in unfound(checked, rows or ()):
        note(f"{row['file']}:{row['line']} of the report was not checked, or has changed since.")
    return done, failed


def _take(fixed: Fixed, diff: bool, interactive: bool) -> bool:
    """Show a change or write it; return whether it was written."""
    if diff or interactive:
        click.echo(fixed.diff, nl=False)
    if diff or (interactive and not click.confirm(f"Write {fixed.source.path}?", err=True)):
        return False
    from ml_dash.migrate.sources import encoded

    path = fixed.source.path.resolve()  # a link stays one
    try:
        data = encoded(fixed.source, fixed.text)
        mode = path.stat().st_mode & 0o7777
        fsio.write_atomic(path, data)
        path.chmod(mode)
    except OSError as error:
        raise LocalWriteError(
            f"Cannot write {path}: {error.strerror or error}", cause=error,
            kept="the file as it was; those before it are rewritten",
            hint="Make it writable, and run the command again",
        ) from error  # fmt: skip
    return True
