"""``ml-dash migrate``: which behaviour changes, and which lines of code depend on it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ml_dash import _deprecations, future
from ml_dash.cli_commands._call import json_option


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
    click.echo(json.dumps(rows, indent=2))


@command.command("report")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@json_option
def report(paths: tuple[Path, ...], as_json: bool) -> None:
    """List the lines of code that got behaviour that changes, from what runs have noted.

    PATHS are runs, folders of runs, or files called deprecations.jsonl; .dash when there are none.
    """
    rows = _deprecations.read(paths or (Path(".dash"),))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(
            f"{row['file']}:{row['line']}  {row['id']} ({row['flag']})  {row['api']}  "
            f"{row['count']} times, would raise {row['raises']}"
        )
    if not rows:
        click.echo("No run there has met behaviour that changes.")
