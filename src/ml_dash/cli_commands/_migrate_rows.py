"""What ``--from`` names: a report in JSON, or what ``migrate report`` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ml_dash.flags import api_of


def rows_of(known: Path) -> list[dict[str, Any]]:
    """Return the lines that a report lists, or that runs and logs have noted.

    Args:
        known: The output of ``migrate report --json``, a run, a folder of runs, or a log.
    """
    from ml_dash.migrate.report import collect

    data = b"" if known.is_dir() else known.read_bytes()
    if not data.lstrip().startswith(b"["):
        return collect([known])
    try:
        rows = [{**row, "file": str(row["file"]), "line": int(row["line"])}
                for row in json.loads(data)]  # fmt: skip
        for row in rows:
            api_of(row["api"])
    except (ValueError, KeyError, TypeError) as error:
        raise click.UsageError(f"{known} is not what `migrate report --json` prints.") from error
    return rows
