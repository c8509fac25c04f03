"""``ml-dash doctor``: whether what delivery needs is there."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import click

import ml_dash
from ml_dash import future
from ml_dash._arguments import spool_root
from ml_dash._base.settings import DeliverySettings
from ml_dash._delivery.checkup import Finding, Runs, look_at_disk, look_at_server, look_at_spool
from ml_dash.cli_commands._call import json_option
from ml_dash.cli_commands._codes import DONE, FAILED
from ml_dash.cli_commands._connect import server_url, url_option
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._runs import owing


@click.command("doctor")
@url_option
@click.argument("roots", nargs=-1, metavar="[ROOT ...]",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
@json_option
def command(roots: tuple[Path, ...], url: str | None, as_json: bool) -> int:
    """Look at the servers, the tokens, the clock, the disk, and what is pending or was rejected.

    The servers are the one that is configured, and those that runs below ROOT owe something to.
    ROOT is a folder of runs, or a run; .dash and the spool when there is none. Exits with 1 when
    something is not as it should be.
    """
    found = []
    for finding in _findings(roots, server_url(url)):
        found.append(finding)
        if not as_json:
            click.echo(f"{'ok  ' if finding.good else 'BAD '} {finding.about}: {finding.text}")
    if as_json:
        put_json([vars(finding) for finding in found])
    return DONE if all(finding.good for finding in found) else FAILED


def _findings(roots: tuple[Path, ...], url: str) -> Iterator[Finding]:
    words = f"ml-dash {ml_dash.__version__}, Python {platform.python_version()}"
    yield Finding("version", True, words)
    on = [each.flag.name for each in future.settings() if each.on]
    yield Finding("flags", True, ", ".join(on) or "all as in 0.6, with warnings")
    runs = Runs(owing(roots))
    for each in dict.fromkeys([url, *runs.owed_to]):
        yield from look_at_server(each)
    yield look_at_disk(roots[0] if roots else Path.cwd())
    yield look_at_disk(spool_root())
    yield look_at_spool(spool_root(), DeliverySettings.from_env().spool_max_bytes)
    yield from runs.findings
