"""What the options that all commands have say about this call of the program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import click

from ml_dash.cli_commands._help import Context


@dataclass
class Call:
    """One call of the program.

    Attributes:
        debug: Whether tracebacks are shown.
        quiet: Whether only data and errors are shown.
        verbose: Whether details are shown.
        as_json: Whether data and errors are JSON.
    """

    debug: bool = False
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False


def _noting(name: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    def note(context: click.Context, _option: click.Parameter, value: bool) -> bool:
        if value:
            setattr(context.ensure_object(Call), name, True)
        return value

    return note


def _switch(names: Iterable[str], attribute: str, text: str) -> click.Option:
    return click.Option(
        [*names, attribute], is_flag=True, is_eager=True, expose_value=False,
        callback=_noting(attribute), help=text,
    )  # fmt: skip


_SWITCHES: Final = (
    (("-q", "--quiet"), "quiet", "Print data and errors, and nothing else."),
    (("-v", "--verbose"), "verbose", "Print details too."),
    (("--debug",), "debug", "On failure, also print the traceback."),
)


def add_switches(command: click.Command) -> None:
    """Let a command understand the options that all have, by the names that it leaves free.

    So do the commands of a group.
    """
    command.context_class = Context
    for inner in getattr(command, "commands", {}).values():
        add_switches(inner)
    taken = {name for param in command.params for name in param.opts}
    for names, attribute, text in _SWITCHES:
        if names[-1] not in taken:
            free = [name for name in names if name not in taken]
            command.params.append(_switch(free, attribute, text))


def whole_options(command: click.Command, words: list[str]) -> list[str]:
    """Return the words of a call with shortened options written out, as 0.6 took them.

    Args:
        command: The command.
        words: What follows its name, in which ``--desc`` may stand for ``--description``.

    Raises:
        UsageError: a shortened option may stand for several.
    """
    if isinstance(command, click.Group):
        return words  # its commands have options of their own, and 0.6 had no groups
    names = {name for param in command.params for name in param.opts if name.startswith("--")}
    names.add("--help")
    end = words.index("--") if "--" in words else len(words)
    return [_whole(word, names) for word in words[:end]] + words[end:]


def _whole(word: str, names: set[str]) -> str:
    name, sep, value = word.partition("=")
    if not name.startswith("--") or name in names:
        return word
    meant = sorted(each for each in names if each.startswith(name))
    if len(meant) > 1:
        raise click.UsageError(f"{name} may stand for {', '.join(meant)}.")
    return f"{meant[0]}{sep}{value}" if meant else word


def json_option(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``--json``, as the argument ``as_json``; errors are JSON then."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_noting("as_json"),
        help="Print JSON instead.",
    )(func)  # fmt: skip


def current() -> Call:
    """Return the call that runs now."""
    context = click.get_current_context(silent=True)
    return Call() if context is None else context.ensure_object(Call)


def note(text: str) -> None:
    """Tell the user something that is no data: a line on stderr, none with ``--quiet``."""
    if not current().quiet:
        click.echo(text, err=True)


def detail(text: str) -> None:
    """Tell the user something with ``--verbose`` only."""
    if current().verbose:
        click.echo(text, err=True)


def fault(text: str) -> None:
    """Tell the user what failed, always: a line on stderr."""
    click.echo(text, err=True)
