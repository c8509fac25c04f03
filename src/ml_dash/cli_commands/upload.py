"""``ml-dash upload``: bring folders of runs to a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml_dash._base import console
from ml_dash._delivery.bulk import Outcome
from ml_dash.cli_commands._call import current, detail, fault, json_option, note
from ml_dash.cli_commands._codes import DONE, FAILED, PARTLY, as_in_06, code_of
from ml_dash.cli_commands._connect import (
    connected,
    prefix_option,
    server_options,
    server_url,
    token_given,
)
from ml_dash.cli_commands._kinds import left_out, skip_options
from ml_dash.cli_commands._output import put_json, size_in_words
from ml_dash.cli_commands._progress import Shown
from ml_dash.exceptions import MLDashError, UsageError

if TYPE_CHECKING:
    from ml_dash.client import RemoteClient
    from ml_dash.upload import Contents, LocalRun, Skipped, Uploaded


@click.command("upload")
@click.argument("path", default=".dash", type=click.Path(path_type=Path))
@prefix_option(text="Only runs of this project, or below this path, or that match * and ?.")
@click.option("-t", "--target", default="", metavar="NAMESPACE/PROJECT[/FOLDER]",
              help="Where the runs go; else to their own prefixes.")  # fmt: skip
@skip_options
@click.option("--dry-run", is_flag=True, help="Only list the runs and what they hold.")
@click.option("--strict", is_flag=True, help="Send nothing if anything cannot be read.")
@click.option("--append", is_flag=True,
              help="Send a run even if the server has records of it from elsewhere.")  # fmt: skip
@click.option("--live", is_flag=True, help="Also runs that are still being written.")
@click.option("--timeout", "patience_s", type=click.FloatRange(0), default=60.0, show_default=True,
              metavar="SECONDS", help="How long to go on without any success.")  # fmt: skip
@click.option("--tracks", "track_file", type=click.Path(path_type=Path), metavar="FILE",
              help="Send this file of track entries; with --remote-path.")  # fmt: skip
@click.option("--remote-path", metavar="NAMESPACE/PROJECT/RUN/TOPIC", help="Where FILE goes.")
@click.option("--batch-size", type=int, hidden=True)
@click.option("--resume", is_flag=True, hidden=True)
@click.option("--state-file", hidden=True)
@server_options
@json_option
def command(path: Path, track_file: Path | None, remote_path: str | None, **options: Any) -> int:
    """Bring the runs below PATH (.dash) to a server: all of each run, and its status.

    What was sent is noted in each run's folder: the same command sends what is new, and goes on
    where an earlier one ended. Runs of ml-dash 0.6 are taken as they are. --resume, --state-file
    and --batch-size of 0.6 are taken, and not needed.

    Exit code 3 means that some runs, or parts of them, were not sent (for parts by the flag
    cli_exit_codes, see `ml-dash migrate flags`; until then 0).
    """
    _explain(options)
    if (track_file is None) != (remote_path is None):
        raise UsageError("--tracks and --remote-path belong together", hint="Give both")
    if options["target"] and options["target"].strip("/").count("/") < 1:
        raise UsageError(f"The target {options['target']!r} names no project",
                         hint="Write NAMESPACE/PROJECT or NAMESPACE/PROJECT/FOLDER")  # fmt: skip
    if track_file is not None:
        return _send_track(track_file, str(remote_path), options)
    return _upload_all(path, options)


def _explain(options: dict[str, Any]) -> None:
    if options["resume"] or options["state_file"]:
        note("Every upload goes on where the last one ended: each run notes what was sent, and "
             "--resume and --state-file change nothing.")  # fmt: skip
    if options["batch_size"] is not None:
        note("Batches are made to fit the server; --batch-size changes nothing.")


# -- runs ------------------------------------------------------------------------------------------


def _upload_all(path: Path, options: dict[str, Any]) -> int:
    from ml_dash.upload import LocalRun, find_runs

    found = list(find_runs(path, options["prefix"]))
    runs = [each for each in found if isinstance(each, LocalRun)]
    skipped = [each for each in found if not isinstance(each, LocalRun)]
    for each in skipped:
        fault(f"Skipped {each.folder}: {each.error}")
    if not runs:
        wanted = f" that fit {options['prefix']!r}" if options["prefix"] else ""
        fault(f"Error: there are no runs below {path.absolute()}{wanted}.")
        return FAILED
    if options["dry_run"]:
        return _list(runs, skipped)
    if options["strict"] and _is_damaged(runs, skipped):
        fault("Error: nothing was sent, as --strict asks; see above.")
        return FAILED
    return _Upload(runs, skipped, options).run()


def _list(runs: list[LocalRun], skipped: list[Skipped]) -> int:
    rows, damaged = [], len(skipped)
    for run, contents in _looked(runs):
        damaged += len(contents.damaged)
        rows.append({"run": str(run.folder), "prefix": run.prefix, **contents.counts,
                     "damaged": [str(each) for each in contents.damaged]})  # fmt: skip
        if not current().as_json:
            click.echo(f"{run.prefix}  {_counted(contents)}")
    if current().as_json:
        put_json({"runs": rows, "skipped": _as_rows(skipped)})
    else:
        note(f"{len(runs)} runs would be sent.")
    return as_in_06(PARTLY if damaged else DONE, "some data cannot be read")


def _looked(runs: list[LocalRun]) -> Iterator[tuple[LocalRun, Contents]]:
    from ml_dash.upload import Contents, look

    with console.progress("Reading", len(runs), quiet=current().quiet or None) as advance:
        for run in runs:
            try:
                contents = look(run)
            except (MLDashError, OSError) as error:
                contents = Contents(damaged=[error])
            for damage in contents.damaged:
                fault(f"{run.folder}: {damage}")
            yield run, contents
            advance(1)


def _is_damaged(runs: list[LocalRun], skipped: list[Skipped]) -> bool:
    # Each run is looked into, so that all damages are told at once.
    return sum(len(contents.damaged) for _, contents in _looked(runs)) + len(skipped) > 0


def _counted(contents: Contents) -> str:
    words = {"params": "params", "logs": "log lines", "metrics": "points", "tracks": "entries",
             "files": "files"}  # fmt: skip
    parts = [f"{contents.counts[kind]} {word}" for kind, word in words.items()
             if contents.counts[kind]]  # fmt: skip
    if contents.counts["size_bytes"]:
        parts[-1] += f" ({size_in_words(contents.counts['size_bytes'])})"
    return ", ".join(parts) or "nothing but its description"


def _as_rows(skipped: list[Skipped]) -> list[dict[str, str]]:
    return [{"folder": str(each.folder), "error": str(each.error)} for each in skipped]


class _Upload:
    """One upload of several runs.

    Args:
        runs: The runs.
        skipped: What looked like one.
        options: The command's.
    """

    def __init__(
        self, runs: list[LocalRun], skipped: list[Skipped], options: dict[str, Any]
    ) -> None:
        self._runs = runs
        self._skipped = skipped
        self._url = server_url(options["url"])
        self._options = options
        self._how = {
            "target": options["target"], "append": options["append"], "live": options["live"],
            "patience_s": options["patience_s"], "api_key": token_given(self._url, options["key"]),
            "skip": left_out(options),
        }  # fmt: skip
        self.done: list[Uploaded] = []
        self.failed: list[tuple[LocalRun, MLDashError | OSError]] = []

    def run(self) -> int:
        """Send one run after the other; return the exit code."""
        with connected(self._url, self._options["key"]) as client:
            client.fetch_namespace_or_raise()  # is the server there, and does it take the token?
            try:
                self._send_all(client)
            except KeyboardInterrupt:
                fault("What was sent stays there; the same command sends the rest.")
                raise
            finally:
                self._tell_all()
        return self._code()

    def _send_all(self, client: RemoteClient) -> None:
        for number, run in enumerate(self._runs, 1):
            detail(f"[{number}/{len(self._runs)}] {run.folder}")
            if not self._send(run):
                client.fetch_namespace_or_raise()  # raises if that is why the run is not done

    def _send(self, run: LocalRun) -> bool:
        from ml_dash.upload import upload

        try:
            with console.progress(run.prefix, 0, quiet=current().quiet or None) as advance:
                done = upload(run, self._url, seen=Shown(advance), **self._how)
        except (MLDashError, OSError) as error:
            self.failed.append((run, error))
            fault(f"FAILED {run.prefix}: {error}")
            return False
        self.done.append(done)
        self._tell(done)
        return done.report.is_complete

    def _tell(self, done: Uploaded) -> None:
        report = done.report
        if not current().as_json:
            word = "ok" if report.is_complete and not done.damaged else done.outcome.value
            click.echo(f"{done.run.prefix}: {word}, {report.delivered} of {report.accepted} records"
                       + (f", {report.rejected} refused" if report.rejected else ""))  # fmt: skip
        for error in done.damaged:
            fault(f"  {error}")
        if report.rejected:
            fault(f"  see why: ml-dash rejected list {done.run.folder}")
        if report.pending and (report.halted or report.last_error):
            fault(f"  {report.halted or report.last_error}")
        if done.outcome is Outcome.LIVE and report.pending:
            fault("  its program still writes it; --live sends what there is")

    def _tell_all(self) -> None:
        good = sum(self._is_whole(each) for each in self.done)
        if current().as_json:
            put_json({
                "url": self._url, "runs": [_row(each) for each in self.done],
                "failed": [{"run": str(run.folder), "prefix": run.prefix, "error": str(error)}
                           for run, error in self.failed],
                "skipped": _as_rows(self._skipped),
            })  # fmt: skip
            return
        total = len(self._runs) + len(self._skipped)
        note(f"{good} of {total} runs are on {self._url}, whole.")

    @staticmethod
    def _is_whole(done: Uploaded) -> bool:
        return done.report.is_complete and not done.damaged

    def _code(self) -> int:
        moved = any(each.report.delivered for each in self.done)
        if self.failed:
            return PARTLY if moved else code_of(self.failed[0][1])
        missing = len(self._skipped) + sum(not self._is_whole(each) for each in self.done)
        if not missing:
            return DONE
        if not moved:
            return FAILED
        return as_in_06(PARTLY, f"{missing} of {len(self._runs) + len(self._skipped)} runs are not "
                        "on the server as a whole")  # fmt: skip


def _row(done: Uploaded) -> dict[str, Any]:
    return {"run": str(done.run.folder), "prefix": done.run.prefix, "outcome": done.outcome.value,
            "damaged": [str(each) for each in done.damaged], **done.report.as_dict()}  # fmt: skip


# -- a file of a track -----------------------------------------------------------------------------


def _send_track(file: Path, remote_path: str, options: dict[str, Any]) -> int:
    from ml_dash.upload import send_track_file

    with (
        connected(options["url"], options["key"]) as client,
        console.progress("Sending entries", 0, quiet=current().quiet or None) as advance,
    ):
        done = send_track_file(client, file, remote_path, advance)
    for error in done.damaged:
        fault(f"Left out: {error.message}")
    if current().as_json:
        put_json({"run": done.run, "topic": done.topic, "sent": done.sent,
                  "left_out": len(done.damaged)})  # fmt: skip
    else:
        click.echo(f"{done.sent} entries are in {done.run}/{done.topic}")
    if not done.sent:
        fault(f"Error: {file} has no entry with a number timestamp.")
        return FAILED
    return as_in_06(PARTLY if done.damaged else DONE, f"{len(done.damaged)} lines were left out")
