"""``ml-dash migrate rehearse``: a program under 1.0, with its calls failing one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ml_dash.cli_commands._call import fault, json_option, note
from ml_dash.cli_commands._codes import DONE, PARTLY
from ml_dash.cli_commands._migrate_rows import rows_of
from ml_dash.cli_commands._output import put_json

if TYPE_CHECKING:
    from ml_dash.migrate.rehearsal import Expected, Outcome, Rehearsed

_FINE: Final = ("handled", "never reached")


@click.command("rehearse", context_settings={"ignore_unknown_options": True})
@click.argument("program", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--from", "known", type=click.Path(exists=True, path_type=Path), metavar="FILE",
              help="What `migrate report --json` printed, or what it reads: these lines are "
              "expected, too.")  # fmt: skip
@click.option("--check", "code", type=click.Path(exists=True, path_type=Path), multiple=True,
              metavar="PATH", help="Code whose calls are expected, too: all that `migrate check` "
              "finds in it.")  # fmt: skip
@click.option("--timeout", "timeout_s", type=click.FloatRange(0.1), metavar="SECONDS",
              help="How long one run of the program may take; else ten times as long as the first, "
              "and at least a minute.")  # fmt: skip
@json_option
def rehearse(
    program: tuple[str, ...], known: Path | None, code: tuple[Path, ...], timeout_s: float | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Run a PROGRAM as under 1.0, with each call that may raise there failing once.

    ml-dash migrate rehearse -- python train.py --epochs 1

    The program is run once without a failure, and then once for each line of it that calls what
    changes: choose a short configuration. It records as always, each time. Exit code 3 means that
    it does not run under 1.0, or did not handle a failure.
    """
    from ml_dash.migrate.rehearsal import rehearse as run

    expected = [*_of_report(known), *_of_code(code)]
    done = run(program, expected=expected, timeout_s=timeout_s, seen=_tell_run)
    if as_json:
        put_json({"ready": done.is_ready, "exit_code": done.exit_code, "said": done.said,
                  "calls": [{**vars(each.call), "outcome": each.outcome, "said": each.said}
                            for each in done.outcomes]})  # fmt: skip
        return DONE if done.is_ready else PARTLY
    _show_failure(done)
    for each in done.outcomes:
        _show(each)
    note(_summary(done))
    return DONE if done.is_ready else PARTLY


def _of_report(known: Path | None) -> Iterator[Expected]:
    from ml_dash.migrate.rehearsal import Expected

    for row in rows_of(known) if known is not None else ():
        yield Expected(row["file"], row["line"], row["line"], row["api"])


def _of_code(paths: Sequence[Path]) -> Iterator[Expected]:
    from ml_dash.migrate.check import check
    from ml_dash.migrate.injection import is_injected
    from ml_dash.migrate.rehearsal import Expected

    done = check(paths)
    for file, why in done.unread.items():
        fault(f"Passed over {file}: {why}")
    for source, uses in done.uses:
        for use in uses:
            if is_injected(use.api) and not source.is_notebook:
                yield Expected(str(source.path), use.line, use.last_line, use.api)


def _tell_run(done: int, total: int) -> None:
    note("Running the program under 1.0 ..." if not done else
         f"Run {done + 1} of {total}: another call fails ...")  # fmt: skip


def _show_failure(done: Rehearsed) -> None:
    from ml_dash.migrate.rehearsal import TOO_LONG

    if done.exit_code:
        how = "takes too long" if done.exit_code == TOO_LONG else f"ends with {done.exit_code}"
        fault(f"The program {how} under 1.0, with nothing failing:")
        fault(_indented(done.said or "(it wrote nothing to stderr)"))
        fault("Nothing was made to fail. If it runs without the rehearsal, 1.0 is the reason.")


def _show(each: Outcome) -> None:
    raises = f"  {each.call.raises}" if each.call.raises else ""
    click.echo(f"{each.call}{raises}  {each.outcome}")
    if each.outcome not in _FINE:
        fault(_indented(each.said))


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _summary(done: Rehearsed) -> str:
    counts = Counter(each.outcome for each in done.outcomes)
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    if not counts:
        told = "it was not tried" if done.exit_code else "the program calls nothing that changes"
    return f"{'Ready for 1.0' if done.is_ready else 'Not ready for 1.0'}: {told}."
