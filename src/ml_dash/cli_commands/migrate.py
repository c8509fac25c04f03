"""``ml-dash migrate``: which behaviour changes, and which lines of code depend on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ml_dash import future
from ml_dash.cli_commands._call import json_option, note
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._output import put_json


@click.group("migrate")
def command() -> None:
    """See what changes on the way to 1.0, and which of your code meets it."""


@command.command("flags")
@json_option
def flags(as_json: bool) -> None:
    """Print each flag: what holds here, who decided, when it changes.

    The environment (ML_DASH_FUTURE, ML_DASH_FUTURE_STRICT) and pyproject.toml are heard.
    """
    if not as_json:
        future.explain()
        return
    rows = [
        {
            "id": each.flag.id, "name": each.flag.name, "new": each.on, "stage": each.stage,
            "source": each.source, "overridden": list(each.overridden), "old": each.flag.old,
            "changes": each.flag.new, "stages": dict(each.flag.stages),
        }
        for each in future.settings()
    ]  # fmt: skip
    put_json(rows)


@command.command("report")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE",
              help="Print only what this file does not know; fail if there is any.")  # fmt: skip
@click.option("--write-baseline", "kept", type=click.Path(path_type=Path), metavar="FILE",
              help="Write what is known now to this file.")  # fmt: skip
@json_option
def report(
    paths: tuple[Path, ...], baseline: Path | None, kept: Path | None, as_json: bool
) -> int:
    """List the lines of code that got behaviour that changes, from what runs have noted.

    PATHS are runs, folders of runs, deprecations.jsonl files and logs of your programs; .dash when
    there are none. With --baseline, exit code 3 means that there are lines it does not know.
    """
    from ml_dash.migrate import report as reports

    rows = reports.collect(paths or (Path(".dash"),))
    if kept is not None:
        reports.write_baseline(kept, rows)
        note(f"{len(rows)} lines of code are known now, in {kept}.")
    if baseline is not None:
        rows = reports.new_since(baseline, rows)
    if as_json:
        put_json(rows)
    else:
        for row in rows:
            _show(row)
        if not rows:
            click.echo("No new line there." if baseline else
                       "No run there has met behaviour that changes.")  # fmt: skip
    return PARTLY if baseline is not None and rows else DONE


def _show(row: dict[str, Any]) -> None:
    where = ", in a dependency" if row["dependency"] else ""
    click.echo(
        f"{row['file']}:{row['line']}  {row['id']} ({row['flag']})  {row['api']}  "
        f"{row['count']} times, would raise {row['raises']}{where}"
    )
