"""The ``ml-dash`` program: finds the command, and turns every outcome into an exit code.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 partly done, 4 not authenticated, 5 server unreachable,
130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

import ml_dash
from ml_dash.cli_commands._call import Call, add_switches, whole_options
from ml_dash.cli_commands._codes import FAILED, INTERRUPTED, code_of
from ml_dash.exceptions import MLDashError

COMMANDS: Final = {
    "api": "Send a GraphQL query or mutation of your own.",
    "compare": "Print what differs between runs.",
    "create": "Make a project on a server.",
    "demo": "Train a small model on real data, record it, and read it back.",
    "doctor": "Look at the server, the token, the disk, and what is owed.",
    "download": "Bring runs of a server to this machine.",
    "list": "List projects, runs, tracks and files, here or on a server.",
    "login": "Log in to a server, with a browser on any machine.",
    "logout": "Forget the token of a server.",
    "migrate": "See what changes until 1.0, and which of your code meets it.",
    "profile": "Print who is logged in.",
    "rejected": "See, send again, export or discard records that a server refused.",
    "remove": "Delete a project on a server.",
    "server": "Run a server, and look after its tokens and its data.",
    "show": "Print one run at a glance.",
    "status": "Print what each run has delivered, and what it still owes.",
    "sync": "Deliver everything that runs still owe to their servers.",
    "tail": "Print logs and metrics of a run, as they come.",
    "upload": "Bring folders of runs to a server.",
    "verify": "Compare runs here with their servers: counts and checksums.",
    "version": "Print the version of ml-dash and of Python.",
}
"""Every command and its line in ``ml-dash --help``; the module of the same name defines it."""


class _Commands(click.Group):
    """A group that loads a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ml_dash.cli_commands.{cmd_name}").command
        add_switches(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"There is no command {name!r}." + _did_you_mean(name))
        found = super().resolve_command(ctx, args)
        return (*found[:2], whole_options(found[1], found[2])) if found[1] else found


def _did_you_mean(name: str) -> str:
    import difflib  # only a typing error needs it

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each command explains itself: ml-dash COMMAND --help.",
)
@click.version_option(ml_dash.__version__, prog_name="ml-dash", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Track machine-learning experiments in a folder that keeps everything it accepts."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return
    from ml_dash.cli_commands._told import as_lines  # the help does without logging

    call = context.ensure_object(Call)
    context.with_resource(as_lines(with_traces=lambda: call.debug))


add_switches(program)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``ml-dash`` and return its exit code.

    Args:
        arguments: The words after ``ml-dash``; those of this process when omitted.
    """
    edge = _Edge(Call())
    words = list(sys.argv[1:] if arguments is None else arguments)
    with edge:
        outcome = program.main(
            words, prog_name="ml-dash", obj=edge.call, standalone_mode=False,
            color=False if os.environ.get("NO_COLOR") else None,
        )  # fmt: skip
        edge.code = outcome if isinstance(outcome, int) else 0
    return edge.code


class _Edge:
    """The edge of the program: every error ends here, with a line and an exit code.

    Args:
        call: What the options say.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.code = FAILED

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, click.ClickException):
            error.show()
            self.code = error.exit_code
        elif isinstance(error, click.Abort):
            self.code = _tell_stopped(error)
        elif isinstance(error, MLDashError):
            self.code = _tell_failed(error, self.call)
        elif isinstance(error, OSError) and error.filename is not None:
            self.code = _tell_refused(error, self.call)
        elif isinstance(error, Exception):
            self.code = _tell_unexpected(error, self.call)
        else:
            return False
        return True


def _tell_stopped(error: click.Abort) -> int:
    """Answer Ctrl-C and the end of the input, which click reports alike."""
    if isinstance(error.__context__, EOFError):  # click hides it as a cause
        click.echo("Error: the input ended before the question was answered.", err=True)
        return FAILED
    click.echo("Interrupted.", err=True)
    return INTERRUPTED


def _tell_failed(error: MLDashError, call: Call) -> int:
    """Answer an error that the package foresaw: what happened, what was kept, what to do."""
    _trace(error, call)
    code = code_of(error)
    facts = {"error": error.message, "kept": error.kept, "hint": error.hint}
    _say(call, **facts, code=error.code, context=error.context, exit_code=code)
    return code


def _say(call: Call, error: str, kept: str = "", hint: str = "", **facts: Any) -> None:
    """Write an error as lines, or as one line of JSON where the command writes JSON."""
    if call.as_json:
        whole = {"error": error, **facts, "kept": kept, "hint": hint}
        click.echo(json.dumps(whole, default=str), err=True)
        return
    for name, text in {"Error": error, "Kept": kept, "Hint": hint}.items():
        if text:
            click.echo(f"{name}: {text}", err=True)


def _tell_refused(error: OSError, call: Call) -> int:
    """Answer a file or folder that the system refuses."""
    _trace(error, call)
    _say(call, f"{error.filename}: {error.strerror or error}", exit_code=FAILED)
    return FAILED


def _tell_unexpected(error: Exception, call: Call) -> int:
    """Answer an error that nobody foresaw."""
    _trace(error, call)
    hint = "" if call.debug else "run the command again with --debug and report what it prints."
    _say(call, f"unexpected {type(error).__name__}: {error}", hint=hint, exit_code=FAILED)
    return FAILED


def _trace(error: BaseException, call: Call) -> None:
    if call.debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)


if __name__ == "__main__":
    raise SystemExit(main())
