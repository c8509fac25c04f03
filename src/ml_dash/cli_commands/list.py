"""``ml-dash list``: projects, runs, tracks and files, here or on a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ml_dash._base import console
from ml_dash.cli_commands._age import age
from ml_dash.cli_commands._call import current, fault, json_option, note
from ml_dash.cli_commands._codes import DONE, FAILED, PARTLY, as_in_06
from ml_dash.cli_commands._connect import connected, prefix_option, server_options
from ml_dash.cli_commands._output import put_csv, put_json, put_table, size_in_words
from ml_dash.exceptions import MLDashError, UsageError

if TYPE_CHECKING:
    from ml_dash.client import RemoteClient
    from ml_dash.runs import Run
    from ml_dash.runs.selection import Selection

_USUAL: Final = ("path", "status", "metrics", "logs", "files", "tracks")
_DETAILED: Final = (*_USUAL, "tags", "started_at", "duration_s")
_STATUSES: Final = ("COMPLETED", "RUNNING", "FAILED", "CANCELLED", "ARCHIVED")
_COLOURS: Final = {"COMPLETED": "green", "RUNNING": "yellow", "FAILED": "red",
                   "CANCELLED": "magenta", "ARCHIVED": "dim"}  # fmt: skip
_PAGE: Final = 50
_WILD: Final = frozenset("*?[")


@click.command("list")
@click.argument("root", required=False, type=click.Path(exists=True, path_type=Path))
@prefix_option(text="The project, as [NAMESPACE/]PROJECT, a pattern with *, or a run.")
@click.option("-n", "--namespace", help="Whose projects; your own if omitted.")
@click.option("--status", type=click.Choice(_STATUSES, case_sensitive=False),
              help="Only runs of this status.")  # fmt: skip
@click.option("--tags", metavar="TAG,...", help="Only runs with one of these tags.")
@click.option("--where", "condition", metavar="CONDITION",
              help="Only runs for which this holds, as \"params.lr < 0.01\".")  # fmt: skip
@click.option("--sort", metavar="COLUMN", help="Sort by this column; with a - before it, down.")
@click.option("--columns", metavar="COLUMN,...",
              help="What to show, as path,params.lr,metrics.train.loss.min")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Show at most so many.")
@click.option("--page", type=click.IntRange(1), default=1, help="Which page of that size.")
@click.option("--tracks", is_flag=True, help="List the tracks of one run.")
@click.option("--topic-filter", metavar="TOPIC", help="Only this track, or with a * all below.")
@click.option("--files", is_flag=True, help="List the files of one run.")
@click.option("--detailed", is_flag=True, help="More columns.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead.")
@json_option
@server_options
def command(root: Path | None, prefix: str | None, url: str | None, key: str | None,
            namespace: str | None, **options: Any) -> int:  # fmt: skip
    """List the runs below the folder ROOT or, without it, those on a server.

    Without --prefix, a server's projects are listed. In conditions and columns, runs have path,
    owner, project, name, status, description, tags, created_at, started_at, ended_at, duration_s,
    logs, metrics, tracks, files; params.NAME; metadata.NAME; and metrics.METRIC.KEY, with .last,
    .min, .max, .mean or .count. Exit code 3 means that some folders could not be read.
    """
    options["selection"] = _selection(options)
    options["shown"] = _columns(options)
    if root is not None:
        return _list_folder(root, prefix, options)
    with connected(url, key, namespace) as client:
        return _list_server(client, prefix, options)


# -- where from ------------------------------------------------------------------------------------


def _list_folder(root: Path, prefix: str | None, options: dict[str, Any]) -> int:
    from ml_dash.runs import FolderRun, folders

    runs: list[Run] = []
    left_out = 0
    for found in folders.find_runs(root, prefix):
        try:
            if isinstance(found, folders.Skipped):
                raise found.error
            runs.append(FolderRun(found))
        except MLDashError as error:
            left_out += 1
            fault(f"Left out {found.folder}: {error}")
    if options["tracks"] or options["files"]:
        return _list_parts(_only(runs, str(root)), options)
    code = _put_runs(runs, {"root": str(root)}, options)
    return PARTLY if left_out else code


def _list_server(client: RemoteClient, prefix: str | None, options: dict[str, Any]) -> int:
    from ml_dash.runs import find_run, server_runs

    if prefix is None:
        return _list_projects(client, options)
    whole = _whole(client, prefix)
    if options["tracks"] or options["files"]:
        return _list_parts(find_run(client, whole), options)
    parts = whole.split("/")
    if len(parts) > 2 and not _WILD & set(whole):
        return _put_runs([find_run(client, whole)], {"project": prefix}, options)
    runs = list(server_runs(client, whole, options["status"]))
    if not runs and not _WILD & set(whole) and client.get_project_id_or_none(parts[1]) is None:
        return _no_project(whole, client.graphql_base_url)
    about = {"pattern": prefix} if _WILD & set(whole) else {"project": prefix}
    return _put_runs(runs, about, options)


def _whole(client: RemoteClient, prefix: str) -> str:
    """Return a prefix with its namespace; a pattern without a run means all runs of a project."""
    parts = [part for part in prefix.split("/") if part]
    if not parts:
        raise UsageError(f"{prefix!r} names no project", hint="Write NAMESPACE/PROJECT")
    if len(parts) == 1:
        parts.insert(0, client.namespace)
    else:
        client.namespace = parts[0]
    if len(parts) == 2 and _WILD & set(prefix):
        parts.append("*")
    return "/".join(parts)


def _no_project(whole: str, url: str) -> int:
    if current().as_json:
        put_json({"project": whole, "experiments": [], "count": 0})
    fault(f"Error: there is no project {whole} on {url}.")
    return as_in_06(FAILED, f"the project {whole} is not there")


def _only(runs: Sequence[Run], where: str) -> Run:
    if len(runs) == 1:
        return runs[0]
    raise UsageError(f"{len(runs)} runs are below {where}", hint="Give the folder of one run")


# -- what ------------------------------------------------------------------------------------------


def _list_projects(client: RemoteClient, options: dict[str, Any]) -> int:
    owner = client.namespace
    projects = client.list_projects_graphql_or_raise(owner)
    if current().as_json:
        put_json({"namespace": owner, "projects": list(projects), "count": len(projects)})
        return DONE
    rows = [(each["slug"], each.get("experimentCount"), each.get("description"))
            for each in projects]  # fmt: skip
    note(f"Projects of {owner} on {client.graphql_base_url}")
    _put_rows(("project", "runs", "description"), rows, options)
    return DONE


def _list_parts(run: Run, options: dict[str, Any]) -> int:
    kind = "tracks" if options["tracks"] else "files"
    found = run.tracks() if options["tracks"] else run.files()
    topic = options["topic_filter"]
    if topic and options["tracks"]:
        found = [each for each in found if each["topic"] == topic
                 or (topic.endswith("*") and each["topic"].startswith(topic[:-1]))]  # fmt: skip
    if current().as_json:
        put_json({kind: found, "count": len(found), "experiment": run.facts.name,
                  "path": run.path})  # fmt: skip
        return DONE
    columns, rows = _track_rows(found) if options["tracks"] else _file_rows(found)
    _put_rows(columns, rows, options)
    return DONE


def _track_rows(found: list[dict[str, Any]]) -> tuple[Sequence[str], list[Sequence[Any]]]:
    return ("topic", "entries", "columns", "from", "to"), [
        (each["topic"], int(each.get("totalEntries") or 0), each.get("columns") or [],
         each.get("firstTimestamp"), each.get("lastTimestamp"))
        for each in found
    ]  # fmt: skip


def _file_rows(found: list[dict[str, Any]]) -> tuple[Sequence[str], list[Sequence[Any]]]:
    rows: list[Sequence[Any]] = []
    for each in found:
        name, size_bytes, checksum = file_of(each)
        rows.append((name, size_in_words(size_bytes), each.get("tags") or [], checksum))
    return ("file", "size", "tags", "sha256"), rows


def file_of(record: dict[str, Any]) -> tuple[str, int, str | None]:
    """Return path, size in bytes and checksum of a file's record, of a folder or a server."""
    from ml_dash.runs.remote import file_place

    physical = record.get("physicalFile") or record
    path = "/".join(file_place(record)).strip("/")
    return path, int(physical.get("sizeBytes") or 0), physical.get("checksum")


# -- runs ------------------------------------------------------------------------------------------


def _selection(options: dict[str, Any]) -> Selection:
    from ml_dash.runs.selection import Selection

    tags = [tag.strip() for tag in (options["tags"] or "").split(",") if tag.strip()]
    return Selection(condition=options["condition"], tags=tags, status=options["status"],
                     sort=options["sort"])  # fmt: skip


def _columns(options: dict[str, Any]) -> Sequence[str]:
    from ml_dash.runs.values import checked_name

    if options["columns"]:
        return [checked_name(name.strip()) for name in options["columns"].split(",")]
    return _DETAILED if options["detailed"] else _USUAL


def _put_runs(runs: Sequence[Run], about: dict[str, Any], options: dict[str, Any]) -> int:
    columns = options["shown"]
    with console.progress("Reading", len(runs), quiet=current().quiet or None) as advance:
        chosen = options["selection"].of(runs, advance)
        shown = _page_of(chosen, options)
        rows = [[_cell(run, name) for name in columns] for run in shown]
    if current().as_json:
        found = [_as_row(run, row, options) for run, row in zip(shown, rows, strict=True)]
        put_json({**about, "experiments": found, "count": len(found), "total": len(chosen)})
        return DONE
    _put_rows(columns, rows, options)
    _tell_page(len(shown), len(chosen), options)
    return DONE


def _page_of(runs: list[Run], options: dict[str, Any]) -> list[Run]:
    size = _page_size(options)
    first = (options["page"] - 1) * size if size else 0
    return runs[first : first + size] if size else runs


def _page_size(options: dict[str, Any]) -> int | None:
    """Return how many runs are shown: all where a program reads them."""
    if options["limit"] or options["page"] > 1:
        return int(options["limit"] or _PAGE)
    machine = current().as_json or options["as_csv"] or not sys.stdout.isatty()
    return None if machine else _PAGE


def _tell_page(shown: int, total: int, options: dict[str, Any]) -> None:
    size = _page_size(options)
    if not total:
        note("No run there fits.")
    elif size is None or (shown == total):
        note(f"{total} runs")
    else:
        first = (options["page"] - 1) * size
        more = f"; next: --page {options['page'] + 1}" if first + shown < total else ""
        note(f"Runs {first + 1} to {first + shown} of {total}{more}")


def _as_row(run: Run, cells: Sequence[Any], options: dict[str, Any]) -> dict[str, Any]:
    from ml_dash.runs import ServerRun

    raw = run.raw if isinstance(run, ServerRun) else {}
    row = {**run.facts.as_dict(), **raw, "path": run.path}
    if options["columns"]:
        row["values"] = dict(zip(options["shown"], cells, strict=True))
    return row


def _cell(run: Run, name: str) -> Any:
    from ml_dash.runs import MISSING, value_of

    found = value_of(run, name)
    return None if found is MISSING else found


def _put_rows(columns: Sequence[str], rows: list[Any], options: dict[str, Any]) -> None:
    if options["as_csv"]:
        put_csv(columns, rows)
        return
    shown = [[age(cell) if name.endswith("_at") else cell
              for name, cell in zip(columns, row, strict=True)] for row in rows]  # fmt: skip
    put_table(columns, shown, colours=_COLOURS)
