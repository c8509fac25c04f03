"""``ml-dash show``: one run at a glance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from ml_dash.cli_commands._age import age
from ml_dash.cli_commands._call import json_option
from ml_dash.cli_commands._connect import server_options
from ml_dash.cli_commands._output import put_json, size_in_words
from ml_dash.cli_commands._run_named import ABOUT, runs_named

if TYPE_CHECKING:
    from ml_dash.runs import KeyStats, Run

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 40
_LAST_LOGS: Final = 5
_MANY: Final = 40


@click.command("show", epilog=ABOUT)
@click.argument("run")
@click.option("--all", "everything", is_flag=True, help="All parameters and metrics, however many.")
@server_options
@json_option
def command(run: str, everything: bool, url: str | None, key: str | None, as_json: bool) -> None:
    """Print a RUN at a glance: what it is, its parameters, its metrics as charts, its last logs."""
    with runs_named([run], url, key) as (found,):
        if as_json:
            put_json(_facts(found))
            return
        for line in _lines(found, math.inf if everything else _MANY):
            click.echo(line)


def _facts(run: Run) -> dict[str, Any]:
    return {
        **run.facts.as_dict(), "where": run.where, "duration_s": run.facts.duration_s,
        "params": run.params,
        "metrics": {name: {"points": run.count_points(name),
                           "keys": {key: vars(found) for key, found in run.stats(name).items()}}
                    for name in run.metric_names()},
        "tracks": run.tracks(), "files": run.files(),
    }  # fmt: skip


def _lines(run: Run, most: float) -> Iterator[str]:
    yield from _head(run)
    yield from _listed("Parameters", [f"{name} = {value!r}" for name, value in
                                      sorted(run.params.items())], most)  # fmt: skip
    yield from _listed("Metrics", list(_metrics(run, most)), math.inf)
    yield from _listed("Tracks", [f"{each['topic']}  {each.get('totalEntries') or 0} entries"
                                  for each in run.tracks()], most)  # fmt: skip
    yield from _listed("Files", [_file(each) for each in run.files()], most)
    count = run.count_logs()
    last = [log_line(each) for each in run.log_lines(max(0, count - _LAST_LOGS))]
    yield from _listed(f"Last of {count} log lines", last, most)


def _head(run: Run) -> Iterator[str]:
    facts = run.facts
    took = facts.duration_s
    rows = {
        "Where": run.where, "Status": facts.status, "About": facts.description,
        "Tags": ", ".join(facts.tags), "Started": _when(facts.started_at),
        "Ended": _when(facts.ended_at), "Took": None if took is None else duration(took),
        "Metadata": ", ".join(f"{name}={value!r}" for name, value in facts.metadata.items()),
    }  # fmt: skip
    yield click.style(run.path, bold=True)
    yield from (f"  {name:<10}{value}" for name, value in rows.items() if value)


def _when(text: str | None) -> str | None:
    return f"{text} ({age(text)})" if text else None


def duration(seconds: float) -> str:
    """Return a time span as ``1 h 02 min 03 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min {rest:02} s" if hours else f"{minutes} min {rest:02} s"


def _listed(title: str, lines: Sequence[str], most: float) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield click.style(title, bold=True)
    shown = list(lines) if len(lines) <= most else list(lines[: int(most)])
    yield from (f"  {line}" for line in shown)
    if len(shown) < len(lines):
        yield f"  ... and {len(lines) - len(shown)} more; see --all"


def _metrics(run: Run, most: float) -> Iterator[str]:
    names = run.metric_names()
    shown = names if len(names) <= most else names[: int(most)]
    rows = []
    for name in shown:
        for key, stats in sorted(run.stats(name).items()):
            rows.append((f"{name}.{key}", chart(run.series(name, key, _WIDTH).values), stats))
    width = max((len(name) for name, _, _ in rows), default=0)
    yield from (f"{name:<{width}}  {bars:<{_WIDTH}}  {_summary(stats)}"
                for name, bars, stats in rows)  # fmt: skip
    if len(shown) < len(names):
        yield f"... and {len(names) - len(shown)} more; see --all"


def _summary(stats: KeyStats) -> str:
    if stats.min is None or stats.max is None:
        return f"last {number(stats.last)}"
    return (f"last {number(stats.last)}, {number(stats.min)} to {number(stats.max)} "
            f"in {stats.count}")  # fmt: skip


def number(value: float | None) -> str:
    """Return a number in few digits."""
    return "-" if value is None else f"{value:.4g}"


def chart(values: Sequence[float]) -> str:
    """Return numbers as bars, one each; what is NaN or infinite is a space."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    span = high - low
    top = len(_BARS) - 1
    return "".join(
        (_BARS[round((value - low) / span * top)] if span and math.isfinite(span) else _BARS[0])
        if math.isfinite(value)
        else " "
        for value in values
    )


def _file(record: dict[str, Any]) -> str:
    from ml_dash.cli_commands.list import file_of

    name, size_bytes, _ = file_of(record)
    return f"{name}  {size_in_words(size_bytes)}"


def log_line(record: dict[str, Any]) -> str:
    """Return a log line as it is shown."""
    level = str(record.get("level") or "info").upper()
    more = " ".join(f"{name}={value}" for name, value in (record.get("metadata") or {}).items())
    colour = {"ERROR": "red", "FATAL": "red", "WARN": "yellow", "WARNING": "yellow"}.get(level)
    shown = click.style(f"{level:<5}", fg=colour)
    text = f"{str(record.get('timestamp') or '')[:19]} {shown} "
    return text + str(record.get("message")) + (f"  [{more}]" if more else "")

