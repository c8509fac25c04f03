"""Data on stdout: JSON, CSV, and tables that are drawn at a terminal and plain in a pipe."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

_GAP = "  "


def size_in_words(size_bytes: int) -> str:
    """Return a size as ``1.5 MiB``."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def counted(count: int, word: str) -> str:
    """Return a number of things: ``1 run``, ``2 runs``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def put_json(value: Any) -> None:
    """Print a value as JSON; what JSON has no form for becomes text, NaN included."""
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str))


def _finite(value: Any) -> Any:
    """Return the value with NaN and the infinities as the texts that ml-dash writes for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value


def put_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as CSV, with a line of names above."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_flat(cell) for cell in row] for row in rows)
    click.echo(text.getvalue(), nl=False)


def _flat(cell: Any) -> Any:
    return ";".join(map(str, cell)) if isinstance(cell, (list, tuple)) else cell


def put_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    colours: Mapping[str, str] | None = None,
) -> None:
    """Print rows as a table: drawn when stdout is a terminal, else in plain columns.

    Args:
        columns: The names above.
        rows: Cells; None is shown as ``-``, numbers stand to the right.
        colours: The colour of a cell by its text.
    """
    cells = [[_shown(cell) for cell in row] for row in rows]
    right = [_all_numbers(row[at] for row in rows) for at in range(len(columns))]
    if sys.stdout.isatty():
        _draw(columns, cells, right, colours or {})
        return
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [list(columns), *cells]:
        padded = [cell.rjust(width) if aside else cell.ljust(width)
                  for cell, width, aside in zip(row, widths, right, strict=True)]  # fmt: skip
        click.echo(_GAP.join(padded).rstrip())


def _draw(
    columns: Sequence[str], cells: list[list[str]], right: list[bool], colours: Mapping[str, str]
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED)
    for name, aside in zip(columns, right, strict=True):
        table.add_column(Text(name), justify="right" if aside else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=colours.get(cell, "")) for cell in row))
    Console(file=sys.stdout).print(table)


def _shown(cell: Any) -> str:
    if cell is None or cell == "":
        return "-"
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = ", ".join(map(str, cell)) if isinstance(cell, (list, tuple)) else str(cell)
    return "".join(each if each.isprintable() else " " for each in text)


def _all_numbers(column: Iterable[Any]) -> bool:
    found = [cell for cell in column if cell is not None]
    return bool(found) and all(
        isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in found
    )
