"""``ml-dash migrate``: which behaviour changes, and which lines of code depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml_dash import future
from ml_dash.cli_commands._call import fault, json_option, note
from ml_dash.cli_commands._codes import DONE, FAILED, PARTLY
from ml_dash.cli_commands._migrate_code import check, fix
from ml_dash.cli_commands._migrate_rehearse import rehearse
from ml_dash.cli_commands._output import counted, put_json, put_table
from ml_dash.exceptions import FileReadError
from ml_dash.flags import LOCKED, ON, WARN

if TYPE_CHECKING:
    from ml_dash._base.choices import Setting
    from ml_dash.migrate.store import Checked


_STORE = Path(".dash")


@click.group("migrate")
def command() -> None:
    """See what changes on the way to 1.0, and which of your code meets it."""


@command.command("flags")
@json_option
def flags(as_json: bool) -> None:
    """Print each flag: what holds here, who decided, when it changes, which of your lines meet it.

    The environment (ML_DASH_FUTURE, ML_DASH_FUTURE_STRICT) and pyproject.toml are heard. Sites are
    the lines of code that runs below the current folder have noted; `ml-dash migrate report .`
    lists them.
    """
    from ml_dash.migrate.report import collect

    sites: dict[str, list[dict[str, Any]]] = {}
    for row in collect([Path()]):
        sites.setdefault(row["id"], []).append(row)
    settings = future.settings()
    if as_json:
        put_json([_as_dict(each, sites.get(each.flag.id, [])) for each in settings])
        return
    put_table(_COLUMNS, [_cells(each, sites.get(each.flag.id, [])) for each in settings])
    if sites:
        count = sum(map(len, sites.values()))
        note(f"{counted(count, 'line')} of code met by runs. To list them: "
             "ml-dash migrate report .; to fix them: ml-dash migrate fix . --from .")  # fmt: skip


_COLUMNS = ("ID", "FLAG", "VALUE", "SOURCE", "OVERRIDES", "SINCE", "FLIPS", "GONE", "SITES")


def _cells(setting: Setting, sites: Sequence[dict[str, Any]]) -> list[Any]:
    flag = setting.flag
    return [flag.id, flag.name, "new" if setting.on else "old", setting.source,
            ", ".join(setting.overridden) or None,
            *(flag.since(stage) for stage in (WARN, ON, LOCKED)), len(sites)]  # fmt: skip


def _as_dict(setting: Setting, sites: Sequence[dict[str, Any]]) -> dict[str, Any]:
    flag = setting.flag
    return {
        "id": flag.id, "name": flag.name, "value": "new" if setting.on else "old",
        "new": setting.on, "stage": setting.stage, "source": setting.source,
        "overridden": list(setting.overridden), "since": flag.since(WARN),
        "flips": flag.since(ON), "gone": flag.since(LOCKED), "old": flag.old,
        "changes": flag.new, "stages": dict(flag.stages),
        "sites": [{"file": row["file"], "line": row["line"], "api": row["api"],
                   "count": row["count"]} for row in sites],
    }  # fmt: skip


@command.command("report")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE",
              help="Print only what this file does not know; fail if there is any.")  # fmt: skip
@click.option("--write-baseline", "kept", type=click.Path(path_type=Path), metavar="FILE",
              help="Write what is known now to this file.")  # fmt: skip
@json_option
def report(
    paths: tuple[Path, ...], baseline: Path | None, kept: Path | None, as_json: bool
) -> int:
    """List the lines of code that got behaviour that changes, from what runs have noted.

    PATHS are runs, folders of runs, deprecations.jsonl files and logs of your programs; .dash when
    there are none. With --baseline, exit code 3 means that there are lines it does not know.
    """
    from ml_dash.migrate import report as reports

    if not paths and not _STORE.is_dir():
        hint = "Give runs, folders of runs, or logs"
        raise FileReadError(f"There is no {_STORE} here", hint=hint)
    rows = reports.collect(paths or (_STORE,))
    if kept is not None:
        reports.write_baseline(kept, rows)
        note(f"{counted(len(rows), 'line')} of code known now, in {kept}.")
    if baseline is not None:
        rows = reports.new_since(baseline, rows)
    if as_json:
        put_json(rows)
    else:
        for row in rows:
            _show(row)
        if not rows:
            click.echo("No new line there." if baseline else
                       "No run there has met behaviour that changes.")  # fmt: skip
    return PARTLY if baseline is not None and rows else DONE


def _show(row: dict[str, Any]) -> None:
    where = ", in a dependency" if row["dependency"] else ""
    times = "once" if row["count"] == 1 else f"{row['count']} times"
    click.echo(
        f"{row['file']}:{row['line']}  {row['id']} ({row['flag']})  {row['api']}  "
        f"{times}, would raise {row['raises']}{where}"
    )


@command.command("store")
@click.argument("path", default=".dash", type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only tell what is damaged.")
@click.option("--numbers", is_flag=True, help="Also write a bare NaN or Infinity as JSON, which "
              "0.7 reads as the number, and 0.6 as a text.")  # fmt: skip
@json_option
def store(path: Path, dry_run: bool, numbers: bool, as_json: bool) -> int:
    """Look for what 0.6 has left damaged in the runs below PATH (.dash), and mend it.

    No program may write the runs meanwhile: a run that changes is left alone. Of each file that is
    mended a copy is kept in the run's .ml-dash folder first. What was lost in 0.6 and cannot be
    recovered is named. Exit code 3 means that something damaged is left.
    """
    from ml_dash.migrate.store import as_dict, check_store

    count, left, rows = 0, 0, []
    for checked in check_store(path, mend=not dry_run, numbers=numbers):
        count += 1
        left += sum(each.kind != "numbers" for each in checked.left)
        if as_json:
            rows.append(as_dict(checked))
        else:
            _show_checked(checked, dry_run)
    if as_json:
        put_json(rows)
    if not count:
        fault(f"There is no run below {path}.")
        return FAILED
    note(f"{counted(count, 'run')} looked through; {counted(left, 'damage')} left.")
    return PARTLY if left else DONE


def _show_checked(checked: Checked, dry_run: bool) -> None:
    for each in checked.found:
        state = "mended" if each in checked.mended else (
            "mended by --numbers" if each.kind == "numbers" else
            "can be mended" if dry_run and each.made is not None else "DAMAGED"
        )  # fmt: skip
        lost = f"; lost in 0.6: {each.lost}" if each.lost else ""
        click.echo(f"{each.path}: {each.what} ({state}){lost}")
    if checked.backup is not None:
        click.echo(f"  as it was: {checked.backup}")


command.add_command(check)
command.add_command(fix)
command.add_command(rehearse)
