"""``ml-dash rejected``: records that a server refused, and what to do with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ml_dash._delivery.mending import discard, retry
from ml_dash._delivery.rejected import Rejected
from ml_dash._delivery.target import TargetFolder
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._runs import owing

_ROOTS = click.argument("roots", nargs=-1, metavar="[ROOT ...]",
                        type=click.Path(exists=True, path_type=Path))  # fmt: skip


@click.group("rejected")
def command() -> None:
    """See, send again, export or discard the records that a server refused.

    ROOT is a folder of runs, or a run; .dash and the spool when there is none.
    """


def _found(roots: tuple[Path, ...]) -> Iterator[tuple[Path, TargetFolder, dict[str, Any]]]:
    for run, folder in owing(roots):
        for entry in Rejected(folder.notes).entries():
            yield run, folder, entry


@command.command("list")
@_ROOTS
def listing(roots: tuple[Path, ...]) -> int:
    """Print each refused record and the server's words; exit with 3 if there are any."""
    count = 0
    for run, _, entry in _found(roots):
        count += 1
        click.echo(f"{run} {entry['stream']} #{entry['number']}: {entry['reason']}")
    if not count:
        click.echo("No record was refused.")
    return PARTLY if count else DONE


@command.command("show")
@_ROOTS
def show(roots: tuple[Path, ...]) -> None:
    """Print all that is known of each refused record, as indented JSON."""
    for run, folder, entry in _found(roots):
        facts = {"run": str(run), "url": folder.target.url, **entry}
        click.echo(json.dumps(facts, indent=2, default=str))


@command.command("export")
@_ROOTS
@click.option(
    "-o", "--output", type=click.File("w"), default="-", help="Where to; here if omitted."
)
def export(roots: tuple[Path, ...], output: Any) -> None:
    """Write each refused record as a line of JSON."""
    for run, folder, entry in _found(roots):
        facts = {"run": str(run), "url": folder.target.url, **entry}
        click.echo(json.dumps(facts, default=str), file=output)


@command.command("retry")
@_ROOTS
def again(roots: tuple[Path, ...]) -> int:
    """Send the refused records once more; those that are taken are no longer listed.

    They go behind what was delivered since. Exits with 3 when some are refused again.
    """
    left = 0
    for run, folder in owing(roots):
        taken, refused = retry(run, folder)
        left += refused
        if taken or refused:
            click.echo(f"{run}: {taken} taken, {refused} refused again")
    return PARTLY if left else DONE


@command.command("discard")
@_ROOTS
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(roots: tuple[Path, ...], yes: bool) -> None:
    """List the refused records no more; they stay in their run's streams."""
    runs = [(run, folder) for run, folder in owing(roots) if any(Rejected(folder.notes).entries())]
    for run, folder in runs:
        if yes or click.confirm(f"List the refused records of {run} no more?"):
            kept = discard(folder)
            click.echo(f"{run}: moved to {kept}")
    if not runs:
        click.echo("No record was refused.")
