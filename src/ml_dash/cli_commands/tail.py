"""``ml-dash tail``: logs and metrics of a run, as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from ml_dash._record import codec
from ml_dash.cli_commands._call import json_option, note
from ml_dash.cli_commands._connect import server_options
from ml_dash.cli_commands._run_named import ABOUT, runs_named
from ml_dash.cli_commands.show import log_line

if TYPE_CHECKING:
    from ml_dash.runs import Run

_HERE_S: Final = 0.5
_THERE_S: Final = 2.0


@click.command("tail", epilog=ABOUT)
@click.argument("run")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends, or Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=10, show_default=True,
              help="How many lines and points to begin with, of each stream.")  # fmt: skip
@click.option("--logs", "only_logs", is_flag=True, help="Log lines only.")
@click.option("--metrics", "only_metrics", is_flag=True, help="Metrics only.")
@server_options
@json_option
def command(run: str, url: str | None, key: str | None, follow: bool, lines: int, only_logs: bool,
            only_metrics: bool, as_json: bool) -> None:  # fmt: skip
    """Print the last log lines and points of a RUN and, with --follow, what comes after.

    With --json each is a line of JSON.
    """
    with runs_named([run], url, key) as (found,):
        reader = _Reader(found, lines, logs=not only_metrics, metrics=not only_logs)
        reader.put(as_json)
        if follow:
            _follow(reader, as_json)


def _follow(reader: _Reader, as_json: bool) -> None:
    from ml_dash.runs import FolderRun

    rest_s = _HERE_S if isinstance(reader.run, FolderRun) else _THERE_S
    never = threading.Event()
    while True:
        # Asked before the last look, so that nothing that was logged before the end is missed.
        status = reader.run.refresh().facts.status
        reader.put(as_json)
        if status not in (None, "RUNNING"):
            note(f"The run has ended: {status}")
            return
        never.wait(rest_s)


class _Reader:
    """Reads what is new in a run.

    Args:
        run: The run.
        lines: How many of each stream to begin with.
        logs: Whether log lines are read.
        metrics: Whether points are.
    """

    def __init__(self, run: Run, lines: int, *, logs: bool, metrics: bool) -> None:
        self.run = run
        self._logs = max(0, run.count_logs() - lines) if logs else None
        self._metrics = metrics
        self._points = (
            {name: max(0, run.count_points(name) - lines) for name in run.metric_names()}
            if metrics
            else {}
        )

    def put(self, as_json: bool) -> None:
        """Print what is new, each stream in its order."""
        for kind, name, record in self._new():
            click.echo(_as_json(kind, name, record) if as_json else _shown(kind, name, record))

    def _new(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        if self._logs is not None:
            for line in self.run.log_lines(self._logs):
                self._logs += 1
                yield "log", "", line
        for name in self.run.metric_names() if self._metrics else ():
            for point in self.run.points(name, self._points.get(name, 0)):
                self._points[name] = int(point["index"]) + 1
                yield "metric", name, point


def _as_json(kind: str, name: str, record: dict[str, Any]) -> str:
    named = {"metric": name} if kind == "metric" else {}
    return codec.encode({"kind": kind, **named, **record}).decode()


def _shown(kind: str, name: str, record: dict[str, Any]) -> str:
    if kind == "log":
        return log_line(record)
    data = record.get("data") or {}
    values = " ".join(f"{key}={_number(value)}" for key, value in data.items())
    return f"{str(record.get('createdAt') or '')[:19]} {name} #{record['index']} {values}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else json.dumps(value, default=str)
