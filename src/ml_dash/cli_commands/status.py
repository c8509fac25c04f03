"""``ml-dash status``: what each run has delivered, and what it still owes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ml_dash._delivery.bulk import opened
from ml_dash._delivery.identity import Place, place_of
from ml_dash._delivery.prune import is_written
from ml_dash._delivery.report import DeliveryReport
from ml_dash.cli_commands._call import json_option
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._runs import NOTHING, owing
from ml_dash.exceptions import MLDashError


@click.command("status")
@click.argument("roots", nargs=-1, metavar="[ROOT ...]",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
@json_option
def command(roots: tuple[Path, ...], as_json: bool) -> int:
    """Print what each run under ROOT has delivered, and what it still owes.

    ROOT is a folder of runs, or a run; .dash and the spool when there is none. No server is asked.
    Folders that are copies of others, of which nothing is sent, are named, and those that were
    moved. Exits with 3 when something is still owed or was rejected.
    """
    rows: list[dict[str, Any]] = []
    broken = False
    for run, folder in owing(roots):
        try:
            with opened(run, folder) as delivery:
                report, place = delivery.report(), place_of(folder)
        except (MLDashError, OSError) as error:
            click.echo(f"{run}: {error}", err=True)
            broken = True
            continue
        left_out = list(folder.target.skip)
        rows.append({"run": str(run), "written": is_written(run), "left_out": left_out,
                     **asdict(place), **report.as_dict()})  # fmt: skip
        if not as_json:
            _show(run, report, left_out, place)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif not rows and not broken:
        click.echo(NOTHING)
    owed = broken or any(row["pending"] or row["rejected"] for row in rows)
    return PARTLY if owed else DONE


def _show(run: Path, report: DeliveryReport, left_out: list[str], place: Place) -> None:
    click.echo(f"{run}\n  {report}" + (", still being written" if is_written(run) else ""))
    if place.copy_of:
        where = f"{place.copy_of}, from where it is delivered"
        click.echo(f"  a copy of {where}; nothing of it is sent")
    if place.moved_from:
        click.echo(f"  moved here from {place.moved_from}; it is delivered from here")
    if left_out:
        click.echo(f"  left out by `ml-dash upload`: {', '.join(left_out)}")
    for name, stream in sorted(report.streams.items()):
        rejected = sum(stream.rejected.values())
        if stream.pending or rejected:
            words = ", ".join(f"{count} {why}" for why, count in stream.rejected.items())
            click.echo(
                f"  {name}: accepted {stream.accepted}, delivered {stream.delivered}, pending "
                f"{stream.pending}, rejected {rejected}" + (f" ({words})" if words else "")
            )
