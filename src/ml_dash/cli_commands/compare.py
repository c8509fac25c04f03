"""``ml-dash compare``: what differs between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ml_dash.cli_commands._call import json_option, note
from ml_dash.cli_commands._connect import server_options
from ml_dash.cli_commands._output import put_csv, put_json, put_table
from ml_dash.cli_commands._run_named import ABOUT, runs_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml_dash.runs import Run


@click.command("compare", epilog=ABOUT)
@click.argument("runs", nargs=-1, required=True)
@click.option("--all", "everything", is_flag=True, help="Also parameters that are the same.")
@click.option("--stat", type=click.Choice(["last", "min", "max", "mean", "count"]), default="last",
              show_default=True, help="What to print of each metric.")  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead.")
@server_options
@json_option
def command(runs: tuple[str, ...], url: str | None, key: str | None, everything: bool, stat: str,
            as_csv: bool, as_json: bool) -> None:  # fmt: skip
    """Print the parameters in which RUNs differ, and their metrics side by side."""
    if len(runs) < 2:
        raise click.UsageError("Give two runs or more.")
    with runs_named(runs, url, key) as found:
        params = _params(found, everything)
        metrics = _metrics(found, stat)
        paths = _labels(found)
    if as_json:
        put_json({"runs": [run.path for run in found], "where": [run.where for run in found],
                  "params": _named(params), "metrics": _named(metrics)})  # fmt: skip
        return
    rows = [(f"params.{name}", *map(_cell, values)) for name, values in params.items()]
    rows += [(f"metrics.{name}", *map(_cell, values)) for name, values in metrics.items()]
    if as_csv:
        put_csv(("name", *paths), rows)
        return
    put_table(("name", *paths), rows)
    if not params and not everything:
        note("All parameters are the same; see --all")


def _params(runs: Sequence[Run], everything: bool) -> dict[str, list[Any]]:
    from ml_dash.runs import MISSING

    names = sorted({name for run in runs for name in run.params})
    found = {name: [run.params.get(name, MISSING) for run in runs] for name in names}
    return {name: values for name, values in found.items()
            if everything or any(not _same(values[0], value) for value in values)}  # fmt: skip


def _same(left: Any, right: Any) -> bool:
    # NaN is the same parameter as NaN; True is another than 1.
    return (type(left) is type(right) and left == right) or repr(left) == repr(right)


def _metrics(runs: Sequence[Run], stat: str) -> dict[str, list[Any]]:
    from ml_dash.runs import MISSING

    each = []
    for run in runs:
        row = {}
        for metric in run.metric_names():
            for key, stats in run.stats(metric).items():
                row[f"{metric}.{key}"] = getattr(stats, stat)
        each.append(row)
    names = sorted({name for row in each for name in row})
    return {name: [row.get(name, MISSING) for row in each] for name in names}


def _labels(runs: Sequence[Run]) -> list[str]:
    """Return the names of the runs, or their paths where names are the same."""
    names = [run.facts.name for run in runs]
    return names if len(set(names)) == len(names) else [run.path for run in runs]


def _named(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: list(map(_cell, values)) for name, values in rows.items()}


def _cell(value: Any) -> Any:
    from ml_dash.runs import MISSING

    return None if value is MISSING else value
