"""``ml-dash sync``: deliver what runs still owe to their servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ml_dash._base import console
from ml_dash._delivery.bulk import Outcome, Synced, sync
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.target import TargetFolder
from ml_dash.cli_commands._call import current, detail, fault, json_option
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._progress import Shown
from ml_dash.cli_commands._runs import NOTHING, owing
from ml_dash.cli_commands._waits import Waits
from ml_dash.exceptions import MLDashError


@click.command("sync")
@click.argument("roots", nargs=-1, metavar="[ROOT ...]",
                type=click.Path(exists=True, path_type=Path))  # fmt: skip
@click.option("--live", is_flag=True, help="Also runs that are still being written.")
@click.option("--timeout", "patience_s", type=click.FloatRange(0), default=60.0, show_default=True,
              metavar="SECONDS", help="How long to go on without any success.")  # fmt: skip
@json_option
def command(roots: tuple[Path, ...], live: bool, patience_s: float, as_json: bool) -> int:
    """Deliver everything that any run under ROOT still owes to its server.

    ROOT is a folder of runs, or a run; .dash and the spool when there is none. Crashed, offline and
    halted runs are finished; nothing is delivered twice. A server that took nothing for as long as
    --timeout says is tried once for each further run. Exits with 3 when something is still owed or
    was rejected.
    """
    waits = Waits(patience_s)
    try:
        rows = [_deliver(run, folder, live, waits) for run, folder in owing(roots)]
    except KeyboardInterrupt:
        fault("What was sent stays there; the same command sends the rest.")
        raise
    if as_json:
        put_json(rows)
    elif not rows:
        click.echo(NOTHING)
    return DONE if all(row["outcome"] == Outcome.DELIVERED.value for row in rows) else PARTLY


def _deliver(run: Path, folder: TargetFolder, live: bool, waits: Waits) -> dict[str, Any]:
    quiet = current().quiet or None
    try:
        patience_s = waits.patience_s(folder.target.url)
        with console.progress(f"Delivering {run.name}", 0, quiet=quiet) as advance:
            shown = Shown(advance)

            def seen(report: DeliveryReport) -> None:
                shown(report)
                waits.seen(report)

            done = sync(run, folder, live=live, patience_s=patience_s, seen=seen)
        waits.done(done)
    except (MLDashError, OSError) as error:
        fault(f"{run}: {error}")
        return {"run": str(run), "outcome": "failed", "error": str(error)}
    if not current().as_json:
        click.echo(_line(done))
    for damage in done.damaged:
        detail(f"  {damage}")
    return {"run": str(done.run), "outcome": done.outcome.value, "pruned": done.pruned,
            **done.report.as_dict()}  # fmt: skip


def _line(done: Synced) -> str:
    report = done.report
    text = f"{done.run}: {done.outcome.value}"
    if done.outcome not in (Outcome.BUSY, Outcome.LIVE):
        text += f" ({report.delivered} of {report.accepted} records at {report.url}"
        text += f", {report.pending} pending" if report.pending else ""
        text += f", {report.rejected} rejected" if report.rejected else ""
        text += f", {report.discarded} discarded" if report.discarded else ""
        text += ")"
    if report.halted or (report.pending and report.last_error):
        text += f"\n  {report.halted or report.last_error}"
    return text + ("\n  the spooled copy is removed" if done.pruned else "")
