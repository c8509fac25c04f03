"""``ml-dash verify``: whether the server has what was delivered, record by record."""

from __future__ import annotations

from pathlib import Path

import click

from ml_dash._delivery.bulk import opened
from ml_dash._delivery.verify import verify
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._runs import owing
from ml_dash.exceptions import MLDashError


@click.command("verify")
@click.argument("runs", nargs=-1, metavar="[RUN ...]",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
def command(runs: tuple[Path, ...]) -> int:
    """Compare what was delivered of each RUN with what its server has now.

    RUN is a run or a folder of runs; .dash and the spool when there is none. All records are read
    back. Exits with 3 when a count or a checksum differs, or a run could not be compared.
    """
    bad = 0
    for run, folder in owing(runs):
        click.echo(f"{run} and {folder.target.url}")
        try:
            with opened(run, folder) as delivery:
                for row in verify(delivery):
                    bad += not row.same
                    word = "same" if row.same else "DIFFERENT"
                    click.echo(f"  {row.stream}: {row.here} here, {row.there} there, {word}")
        except (MLDashError, OSError) as error:
            bad += 1
            click.echo(f"  cannot be compared: {error}", err=True)
    return PARTLY if bad else DONE
