"""``ml-dash download``: bring runs of a server to this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ml_dash._base import console
from ml_dash.cli_commands._call import current, detail, fault, json_option, note
from ml_dash.cli_commands._codes import DONE, FAILED, PARTLY, as_in_06, code_of
from ml_dash.cli_commands._connect import connected, prefix_option, server_options
from ml_dash.cli_commands._kinds import left_out, skip_options
from ml_dash.cli_commands._output import put_json, size_in_words
from ml_dash.exceptions import MLDashError, UsageError

if TYPE_CHECKING:
    from ml_dash.client import RemoteClient
    from ml_dash.download import Downloaded
    from ml_dash.runs.remote import ServerRun

_TABLES: Final = ("csv", "jsonl", "parquet")
_OF_TRACKS: Final = ("json", "jsonl", "parquet", "mcap")


@click.command("download")
@click.argument("path", default=".dash", type=click.Path(path_type=Path))
@prefix_option(text="A project, as [NAMESPACE/]PROJECT, a run, or a pattern with * and ?.")
@click.option("-n", "--namespace", help="Without --prefix: all projects of this namespace.")
@click.option("--experiment", metavar="NAME", help="Only the run of this name, or path.")
@click.option("--status", help="Only runs of this status.")
@click.option("--tags", metavar="TAG,...", help="Only runs with one of these tags.")
@click.option("--where", "condition", metavar="CONDITION",
              help="Only runs for which this holds; see `ml-dash list --help`.")  # fmt: skip
@skip_options
@click.option("--dry-run", is_flag=True, help="Only list the runs and what they hold.")
@click.option("--overwrite", is_flag=True,
              help="Move runs aside that are here and did not come from the server.")  # fmt: skip
@click.option("-f", "--format", "form", type=click.Choice((*_TABLES, "json", "mcap")),
              help="Write metrics and tracks as tables, instead of runs.")  # fmt: skip
@click.option("--tracks", "track", metavar="NAMESPACE/PROJECT/RUN/TOPIC",
              help="Write one track to a file.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="With --tracks: where to; else named after the topic, here.")  # fmt: skip
@click.option("--max-concurrent-metrics", "at_once", type=click.IntRange(1, 64), default=5,
              show_default=True, help="How many parts of a run are fetched at a time.")  # fmt: skip
@click.option("--max-concurrent-files", type=int, hidden=True)
@click.option("--batch-size", type=int, hidden=True)
@click.option("--resume", is_flag=True, hidden=True)
@click.option("--state-file", hidden=True)
@server_options
@json_option
def command(path: Path, url: str | None, key: str | None, track: str | None, output: Path | None,
            namespace: str | None, **options: Any) -> int:  # fmt: skip
    """Bring runs of a server into folders below PATH (.dash): all of each run, verified.

    The same command fetches what is new, and goes on where an earlier one ended; --resume and
    --state-file of 0.6 are taken, and not needed. A run that was recorded here is left alone until
    --overwrite, which moves it aside. Uploading a downloaded run to its server sends nothing.

    Exit code 3 means that some runs, or parts of them, are not here (for parts by the flag
    cli_exit_codes, see `ml-dash migrate flags`; until then 0).
    """
    if options["resume"] or options["state_file"]:
        note("Every download goes on where the last one ended; --resume and --state-file change "
             "nothing.")  # fmt: skip
    if (output is not None and track is None) or (track is None and
                                                  options["form"] in ("json", "mcap")):  # fmt: skip
        raise UsageError("--output and the formats json and mcap are for one track",
                         hint="Give --tracks NAMESPACE/PROJECT/RUN/TOPIC")  # fmt: skip
    with connected(url, key, namespace) as client:
        if track is not None:
            return _fetch_track(client, track, options["form"] or "jsonl", output)
        return _fetch_runs(client, path, namespace, options)


# -- runs ------------------------------------------------------------------------------------------


def _fetch_runs(
    client: RemoteClient, path: Path, namespace: str | None, options: dict[str, Any]
) -> int:
    from ml_dash.runs.selection import Selection

    tags = [tag.strip() for tag in (options["tags"] or "").split(",") if tag.strip()]
    selection = Selection(condition=options["condition"], tags=tags,
                          status=options["status"] and options["status"].upper())  # fmt: skip
    runs = selection.of(_found(client, namespace, options))
    if not runs:
        return _nothing(client, options)
    if options["dry_run"]:
        return _list(runs)
    if options["form"]:
        return _export(client, runs, path, options)
    return _Download(client, runs, path, options).run()


def _found(
    client: RemoteClient, namespace: str | None, options: dict[str, Any]
) -> Sequence[ServerRun]:
    from ml_dash.runs.remote import runs_meant

    if not options["prefix"] and not namespace:
        hint = "Give --prefix NAMESPACE/PROJECT, or --namespace for all"
        raise UsageError("Which runs are meant is not said", hint=hint)
    return runs_meant(client, options["prefix"], name=options["experiment"])


def _nothing(client: RemoteClient, options: dict[str, Any]) -> int:
    wanted = options["prefix"] or client.namespace
    if current().as_json:
        put_json({"runs": [], "failed": [], "skipped": []})
    fault(f"Error: {client.graphql_base_url} has no run that fits {wanted!r}.")
    return as_in_06(FAILED, "no run was found")


def _list(runs: Sequence[ServerRun]) -> int:
    if current().as_json:
        put_json({"runs": [run.facts.as_dict() for run in runs]})
        return DONE
    for run in runs:
        facts = run.facts
        click.echo(f"{run.path}  {facts.logs or 0} log lines, {facts.metrics or 0} metrics, "
                   f"{facts.tracks or 0} tracks, {facts.files or 0} files")  # fmt: skip
    note(f"{len(runs)} runs would be fetched.")
    return DONE


class _Download:
    """One download of several runs.

    Args:
        client: The server.
        runs: The runs.
        root: Where they go.
        options: The command's.
    """

    def __init__(
        self, client: RemoteClient, runs: Sequence[ServerRun], root: Path, options: dict[str, Any]
    ) -> None:
        self._client = client
        self._runs = runs
        self._root = root
        self._how = {
            "overwrite": options["overwrite"], "at_once": options["at_once"],
            "skip": left_out(options),
        }  # fmt: skip
        self.done: list[Downloaded] = []
        self.failed: list[tuple[ServerRun, MLDashError]] = []

    def run(self) -> int:
        """Fetch one run after the other; return the exit code."""
        try:
            for number, run in enumerate(self._runs, 1):
                detail(f"[{number}/{len(self._runs)}] {run.path}")
                if not self._fetch(run):
                    self._client.fetch_namespace_or_raise()  # raises if that is the reason
        except KeyboardInterrupt:
            fault("What has arrived stays; the same command fetches the rest.")
            raise
        finally:
            self._tell_all()
        return self._code()

    def _fetch(self, run: ServerRun) -> bool:
        from ml_dash.download import download

        try:
            total = (run.facts.logs or 0) + sum(map(_points, run.raw.get("metrics") or []))
            with console.progress(run.path, total, quiet=current().quiet or None) as advance:
                done = download(run, self._client, self._root, seen=advance, **self._how)
        except MLDashError as error:
            self.failed.append((run, error))
            fault(f"FAILED {run.path}: {error}")
            return False
        self.done.append(done)
        self._tell(done)
        return not done.failed

    def _tell(self, done: Downloaded) -> None:
        counted = [f"{count} {kind}" for kind, count in done.fetched.items() if count]
        words = done.skipped or ", ".join(counted) or "nothing new"
        if not current().as_json:
            click.echo(f"{done.run.path}: {'skipped, ' if done.skipped else ''}{words}")
        for part, error in done.failed.items():
            fault(f"  {part}: {error}")

    def _tell_all(self) -> None:
        if current().as_json:
            put_json({
                "root": str(self._root),
                "runs": [{"path": each.run.path, "folder": str(each.folder),
                          "fetched": each.fetched, "skipped": each.skipped,
                          "failed": {name: str(error) for name, error in each.failed.items()}}
                         for each in self.done],
                "failed": [{"path": run.path, "error": str(error)} for run, error in self.failed],
            })  # fmt: skip
            return
        note(f"{self._whole()} of {len(self._runs)} runs are in {self._root}, whole.")

    def _whole(self) -> int:
        return sum(not each.failed and not each.skipped for each in self.done)

    def _code(self) -> int:
        left = sum(bool(each.skipped) for each in self.done)
        parts = sum(bool(each.failed) for each in self.done)
        if self.failed:
            return PARTLY if self.done else code_of(self.failed[0][1])
        if parts:
            return as_in_06(PARTLY, f"parts of {parts} runs are not here")
        return as_in_06(PARTLY, f"{left} runs were skipped") if left else DONE


def _points(metric: dict[str, Any]) -> int:
    return int((metric.get("metricMetadata") or {}).get("totalDataPoints") or 0)


# -- tables ----------------------------------------------------------------------------------------


def _export(
    client: RemoteClient, runs: Sequence[ServerRun], root: Path, options: dict[str, Any]
) -> int:
    from ml_dash.download import export_run

    kinds = [kind for kind in ("metrics", "tracks") if not options[f"skip_{kind}"]]
    files: list[str] = []
    failed: list[tuple[ServerRun, MLDashError | OSError]] = []
    with console.progress("Writing tables", len(runs), quiet=current().quiet or None) as advance:
        for run in runs:
            try:
                made = export_run(run, client, root, options["form"], kinds)
                files += map(str, made)
            except (MLDashError, OSError) as error:
                failed.append((run, error))
                fault(f"FAILED {run.path}: {error}")
            advance(1)
    if current().as_json:
        told = [{"path": run.path, "error": str(error)} for run, error in failed]
        put_json({"files": files, "failed": told})
    else:
        for file in files:
            click.echo(file)
    if failed:
        return PARTLY if files else code_of(failed[0][1])
    return DONE


def _fetch_track(client: RemoteClient, path: str, form: str, output: Path | None) -> int:
    from ml_dash.download import export_track
    from ml_dash.runs.remote import run_on_the_way

    if form not in _OF_TRACKS:
        raise UsageError(f"A track has no form {form!r}", hint="Use " + ", ".join(_OF_TRACKS))
    run, topic = run_on_the_way(client, path)
    if not topic:
        raise UsageError(f"{path!r} names a run, and no track of it",
                         hint=f"See `ml-dash list -p {path} --tracks`")  # fmt: skip
    file = output or Path(f"{topic.replace('/', '_')}.{form}")
    size_bytes = export_track(run, client, topic, form, file)
    facts = {"run": run.path, "topic": topic, "format": form, "file": str(file),
             "size_bytes": size_bytes}  # fmt: skip
    if current().as_json:
        put_json(facts)
    else:
        click.echo(f"{run.path}/{topic} is in {file} ({size_in_words(size_bytes)}, {form})")
    return DONE
