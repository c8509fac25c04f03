"""``ml-dash verify``: whether the server has what was delivered, record by record."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ml_dash._delivery.bulk import opened
from ml_dash._delivery.prune import is_written
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.verify import Compared, verify
from ml_dash.cli_commands._call import current, fault, json_option
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._runs import NOTHING, owing
from ml_dash.exceptions import MLDashError


@click.command("verify")
@click.argument("runs", nargs=-1, metavar="[RUN ...]",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
@json_option
def command(runs: tuple[Path, ...], as_json: bool) -> int:
    """Compare what was delivered of each RUN with what its server has now.

    RUN is a run or a folder of runs; .dash and the spool when there is none. All records are read
    back, and what the server says of the run itself: status, name, path, description, tags, bindrs,
    metadata. Exits with 3 when a count, a checksum or a fact differs, or a run could not be
    compared.
    """
    rows = [_compared(run, folder) for run, folder in owing(runs)]
    if as_json:
        put_json(rows)
    elif not rows:
        click.echo(NOTHING)
    return DONE if all(row["same"] for row in rows) else PARTLY


def _compared(run: Path, folder: TargetFolder) -> dict[str, Any]:
    """Compare a run with its server, and print each stream as it is done."""
    row: dict[str, Any] = {"run": str(run), "url": "", "written": False, "same": True,
                           "streams": [], "error": None}  # fmt: skip
    quiet = current().as_json
    try:
        row["written"] = is_written(run)
        row["url"] = folder.target.url
        if not quiet:
            click.echo(f"{run} and {row['url']}")
        with opened(run, folder) as delivery:
            for each in verify(delivery):
                row["same"] &= each.same
                row["streams"].append(asdict(each))
                if not quiet:
                    _show(each, grows=not each.same and is_written(run))
    except (MLDashError, OSError) as error:
        row |= {"same": False, "error": str(error)}
        fault(f"  cannot be compared: {error}")
    return row


def _show(compared: Compared, *, grows: bool) -> None:
    word = "same" if compared.same else "DIFFERENT"
    word += "; it is still being written, and may have grown meanwhile" if grows else ""
    click.echo(f"  {compared.stream}: {compared.here} here, {compared.there} there, {word}")
    for each in compared.differences:
        click.echo(f"    {each.fact}: {each.here!r} here, {each.there!r} there")
