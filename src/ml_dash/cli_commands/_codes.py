"""The exit codes of ``ml-dash``, and which of them an error is.

0.6 ended some commands with 0 although nothing or not all was done. Their honest codes come with
the flag ``cli_exit_codes``; until then :func:`as_in_06` says what the code will be.
"""

from __future__ import annotations

import logging
from typing import Final

import click

from ml_dash.exceptions import (
    AuthenticationError,
    NetworkError,
    ServerUnreachableError,
    UsageError,
)

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
PARTLY: Final = 3
NOT_AUTHENTICATED: Final = 4
UNREACHABLE: Final = 5
INTERRUPTED: Final = 130

MEANINGS: Final = {
    DONE: "all done",
    FAILED: "failed",
    WRONG_USE: "wrong use: an unknown option, a missing argument",
    PARTLY: "partly done: some items failed, or something is still owed",
    NOT_AUTHENTICATED: "not authenticated: no token, or the server refuses it",
    UNREACHABLE: "the server cannot be reached",
    INTERRUPTED: "interrupted by Ctrl-C",
}

_log = logging.getLogger("ml_dash.cli")


def code_of(error: BaseException) -> int:
    """Return the exit code for an error that ends a command."""
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, (NetworkError, ServerUnreachableError)):
            return UNREACHABLE
        each = each.__cause__
    if isinstance(error, UsageError):
        return WRONG_USE
    return NOT_AUTHENTICATED if isinstance(error, AuthenticationError) else FAILED


def _command() -> str:
    """Return the command that is running, without its options: some are secrets."""
    context = click.get_current_context(silent=True)
    names = context.command_path.split()[1:] if context is not None else []
    return " ".join(["ml-dash", *names])


def as_in_06(code: int, what: str) -> int:
    """Return the exit code for an outcome that 0.6 ended with 0.

    Args:
        code: The honest one.
        what: The outcome, as a clause: ``2 of 3 runs failed``.

    Returns:
        ``code`` if ``cli_exit_codes`` is on; else 0, and the log says so.
    """
    from ml_dash._base import deprecate  # the help does without
    from ml_dash.flags import FLAGS, OFF, ON

    flag = FLAGS["cli_exit_codes"]
    rules = deprecate.rules()
    if code == DONE or rules.new(flag):
        return code
    if rules.flags[flag].stage != OFF:
        _log.warning(
            "%s (%s): %s, and yet this command ends with 0, as in 0.6; from %s on it ends with %d. "
            "See %s. To have that now: ML_DASH_FUTURE=%s %s",
            flag.id, flag.name, what, flag.since(ON), code, flag.anchor, flag.name, _command(),
            extra={"ml_dash_flag": flag.id, "exit_code": code},
        )  # fmt: skip
    return DONE

