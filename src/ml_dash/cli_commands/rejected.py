"""``ml-dash rejected``: records that a server refused, and what to do with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from ml_dash._delivery.mending import discard, retry
from ml_dash._delivery.rejected import Rejected
from ml_dash._delivery.target import TargetFolder
from ml_dash.cli_commands._call import fault, json_option, note
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._runs import owing
from ml_dash.exceptions import MLDashError

_NONE: Final = "No record was refused."
_ROOTS = click.argument("roots", nargs=-1, metavar="[ROOT ...]",
                        type=click.Path(exists=True, path_type=Path))  # fmt: skip


@click.group("rejected")
def command() -> None:
    """See, send again, export or discard the records that a server refused.

    ROOT is a folder of runs, or a run; .dash and the spool when there is none.
    """


def _refused(
    roots: tuple[Path, ...],
) -> tuple[list[tuple[Path, TargetFolder, list[dict[str, Any]]]], int]:
    """Return the runs that have refused records, and the exit code: not all can be looked at."""
    found, code = [], DONE
    for run, folder in owing(roots):
        try:
            place = {"run": str(run), "url": folder.target.url}
            entries = [{**place, **entry} for entry in Rejected(folder.notes).entries()]
        except (MLDashError, OSError) as error:
            fault(f"{run}: {error}")
            code = PARTLY
            continue
        if entries:
            found.append((run, folder, entries))
    return found, code


def _entries(roots: tuple[Path, ...]) -> tuple[list[dict[str, Any]], int]:
    found, code = _refused(roots)
    return [entry for _, _, entries in found for entry in entries], code


@command.command("list")
@_ROOTS
@json_option
def listing(roots: tuple[Path, ...], as_json: bool) -> int:
    """Print each refused record and the server's words; exit with 3 if there are any."""
    found, code = _entries(roots)
    if as_json:
        put_json([{name: each[name] for name in each if name != "record"} for each in found])
        return PARTLY if found else code
    for each in found:
        click.echo(f"{each['run']} {each['stream']} #{each['number']}: {each['reason']}")
    if not found and code == DONE:
        click.echo(_NONE)
    return PARTLY if found else code


@command.command("show")
@_ROOTS
@json_option
def show(roots: tuple[Path, ...], as_json: bool) -> int:
    """Print all that is known of each refused record, as indented JSON.

    One document after the other; with --json a single one, a list.
    """
    found, code = _entries(roots)
    if as_json:
        put_json(found)
        return code
    for each in found:
        put_json(each)
    if not found and code == DONE:
        note(_NONE)
    return code


@command.command("export")
@_ROOTS
@click.option(
    "-o", "--output", type=click.File("w"), default="-", help="Where to; here if omitted."
)
def export(roots: tuple[Path, ...], output: Any) -> int:
    """Write each refused record as a line of JSON."""
    found, code = _entries(roots)
    for each in found:
        click.echo(json.dumps(each, default=str), file=output)
    return code


@command.command("retry")
@_ROOTS
@json_option
def again(roots: tuple[Path, ...], as_json: bool) -> int:
    """Send the refused records once more; those that are taken are no longer listed.

    They go behind what was delivered since. Exits with 3 when some are refused again, or could not
    be sent.
    """
    found, code = _refused(roots)
    rows = [_sent_again(run, folder) for run, folder, _ in found]
    if any(row["refused"] or row["error"] for row in rows):
        code = PARTLY
    if as_json:
        put_json(rows)
        return code
    for row in rows:
        if row["error"] is None:
            click.echo(f"{row['run']}: {row['taken']} taken, {row['refused']} refused again")
    if not rows and code == DONE:
        click.echo(_NONE)
    return code


def _sent_again(run: Path, folder: TargetFolder) -> dict[str, Any]:
    row = {"run": str(run), "url": folder.target.url, "taken": 0, "refused": 0, "error": None}
    try:
        row["taken"], row["refused"] = retry(run, folder)
    except (MLDashError, OSError) as error:
        row["error"] = str(error)
        fault(f"{run}: {error}")
    return row


@command.command("discard")
@_ROOTS
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def forget(roots: tuple[Path, ...], yes: bool, as_json: bool) -> int:
    """List the refused records no more; they stay in their run's streams."""
    found, code = _refused(roots)
    rows = []
    for run, folder, _ in found:
        if yes or click.confirm(f"List the refused records of {run} no more?", err=True):
            kept = discard(folder)
            rows.append({"run": str(run), "url": folder.target.url, "kept": str(kept)})
            if not as_json:
                click.echo(f"{run}: moved to {kept}")
    if as_json:
        put_json(rows)
    elif not found and code == DONE:
        click.echo(_NONE)
    return code
