"""The one place that decides what an error becomes: raised, warned or logged.

The only module of the package in which a broad ``except`` is allowed.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from ml_dash import exceptions as errors
from ml_dash._base import chosen
from ml_dash._base.attribution import is_told_by_warning, user_site, warn_user
from ml_dash._base.choices import Flags
from ml_dash._base.facts import about
from ml_dash._base.settings import ERROR_MODE

_LOGGER_BY_DOMAIN = (
    (errors.TokenStoreError, "ml_dash.auth"),
    (errors.StoreError, "ml_dash.store"),
    (errors.FileAccessError, "ml_dash.store"),
    (errors.RemoteClientError, "ml_dash.client"),
    (errors.AuthenticationError, "ml_dash.auth"),
)

F = TypeVar("F", bound=Callable[..., Any])


class ErrorHandlingMode(Enum):
    """What happens to errors that do not have to stop the program."""

    STRICT = "strict"
    """Raise every error."""
    DEFAULT = "default"
    """Raise critical errors; warn of, and log, the rest."""
    PERMISSIVE = "permissive"
    """Raise critical errors; warn of possible data loss; log the rest."""

    @classmethod
    def parse(cls, value: str | ErrorHandlingMode) -> ErrorHandlingMode:
        """Read a mode from its name.

        Raises:
            ConfigurationError: ``value`` names no mode.
        """
        if isinstance(value, cls):
            return value
        for mode in cls:
            if isinstance(value, str) and value.strip().lower() == mode.value:
                return mode
        names = ", ".join(mode.value for mode in cls)
        raise errors.ConfigurationError(
            f"Unknown error mode {value!r}", hint=f"Use one of: {names}", context={"value": value}
        )


_process_mode: ErrorHandlingMode | None = None
_scoped_modes: ContextVar[tuple[ErrorHandlingMode, ...]] = ContextVar(
    "ml_dash_error_modes", default=()
)
"""The modes of the blocks that this thread or task is in, the innermost last."""


def set_error_mode(mode: str | ErrorHandlingMode | None) -> None:
    """Set the error mode of runs that this process builds from now on.

    Args:
        mode: ``"strict"``, ``"default"``, ``"permissive"`` or the enum; None unsets it.

    Raises:
        ConfigurationError: ``mode`` names no mode.
    """
    global _process_mode
    _process_mode = None if mode is None else ErrorHandlingMode.parse(mode)


class error_mode:  # noqa: N801 - used like a function: `with error_mode("strict"):`
    """Set the error mode for a block or a function; usable with ``with`` and as a decorator.

    A decorated coroutine function has the mode while it runs, in its own task only.

    Raises:
        ConfigurationError: ``mode`` names no mode.
        UsageError: a generator function is decorated: between its steps its reader runs.
    """

    def __init__(self, mode: str | ErrorHandlingMode) -> None:
        self._mode = ErrorHandlingMode.parse(mode)

    def __enter__(self) -> ErrorHandlingMode:
        _scoped_modes.set((*_scoped_modes.get(), self._mode))
        return self._mode

    def __exit__(self, *exc_info: object) -> None:
        _scoped_modes.set(_scoped_modes.get()[:-1])

    def __call__(self, func: F) -> F:
        mode = self._mode
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            raise errors.UsageError(
                f"error_mode cannot decorate the generator function {func!r}",
                hint="Write `with error_mode(...):` around the loop that reads it",
            )

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with error_mode(mode):
                return await func(*args, **kwargs)

        def plain(*args: Any, **kwargs: Any) -> Any:
            with error_mode(mode):
                return func(*args, **kwargs)

        wrapper = coroutine if inspect.iscoroutinefunction(func) else plain
        return functools.wraps(func)(wrapper)  # type: ignore[return-value]


def current_mode(
    explicit: str | ErrorHandlingMode | None = None, flags: Flags | None = None
) -> ErrorHandlingMode:
    """Return the mode in force: explicit > block > process > environment > the flags' default.

    Args:
        explicit: The mode that somebody asked for.
        flags: The flags in force; resolved now when omitted.

    Raises:
        ConfigurationError: a given value names no mode.
    """
    if explicit is not None:
        return ErrorHandlingMode.parse(explicit)
    wanted = next(reversed(_scoped_modes.get()), _process_mode)
    if wanted is not None:
        return wanted
    from_env = os.environ.get(ERROR_MODE)
    if from_env:
        return ErrorHandlingMode.parse(from_env)
    strict = (flags or chosen.flags())["strict_errors"].on
    return ErrorHandlingMode.STRICT if strict else ErrorHandlingMode.DEFAULT


def handle_error(
    error: BaseException,
    context: str,
    mode: str | ErrorHandlingMode | None = None,
    *,
    logger: str | None = None,
) -> None:
    """Decide what ``error`` becomes: raised, or warned of and logged.

    Args:
        error: What happened. An error that is not of ml-dash counts as possible data loss.
        context: What was being done, as in "writing a log line".
        mode: The error mode of the run; the mode in force when omitted.
        logger: Name of the logger; by the kind of the error when omitted.

    Raises:
        MLDashError: ``error``, when its severity and the mode say so.
        KeyboardInterrupt, SystemExit, GeneratorExit: always passed on.
    """
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        raise error
    if not isinstance(error, errors.MLDashError):
        error = errors.DataLossError(
            f"Unexpected {type(error).__name__} while {context}: {error}", cause=error
        )
    resolved = ErrorHandlingMode.STRICT if _must_raise.get() else current_mode(mode)
    recoverable = isinstance(error, errors.RecoverableError)
    must_raise = not recoverable and not isinstance(error, errors.DataLossError)
    if must_raise or resolved is ErrorHandlingMode.STRICT:
        raise error
    level = logging.WARNING if recoverable else logging.ERROR
    category = errors.RecoverableWarning if recoverable else errors.DataLossWarning
    site, message = user_site(), f"{error} (while {context})"
    warns = not recoverable or resolved is ErrorHandlingMode.DEFAULT
    log = _logger_for(error, logger)
    if not (warns and _is_foreseen(error) and is_told_by_warning(log, category, message, site)):
        log_error(error, context, level, logger=logger)
    if warns:
        warn_user(message, category, site)


_must_raise: ContextVar[bool] = ContextVar("ml_dash_must_raise", default=False)


@contextmanager
def raising() -> Iterator[None]:
    """Let every error of a block be raised, whatever the mode: for the siblings ``*_or_raise``."""
    token = _must_raise.set(True)
    try:
        yield
    finally:
        _must_raise.reset(token)


def log_error(
    error: BaseException, context: str, level: int = logging.ERROR, *, logger: str | None = None
) -> None:
    """Log an error with its traceback and its facts as structured fields.

    Where no logging is set up, Python prints records on stderr, traceback and all. There an error
    that says everything itself is one line; one that nobody foresaw keeps its traceback.
    """
    log = _logger_for(error, logger)
    trace = None if _is_foreseen(error) and not log.hasHandlers() else error
    log.log(level, "While %s: %s", context, error, exc_info=trace, extra=about(context, error))


def _is_foreseen(error: BaseException) -> bool:
    return isinstance(error, errors.MLDashError) and type(error) is not errors.DataLossError


def _logger_for(error: BaseException, name: str | None) -> logging.Logger:
    by_kind = (log for kind, log in _LOGGER_BY_DOMAIN if isinstance(error, kind))
    return logging.getLogger(name or next(by_kind, "ml_dash"))


def add_note(error: BaseException, text: str) -> None:
    """Write a note beside an exception, where this Python can (3.11 and later)."""
    if hasattr(error, "add_note"):
        error.add_note(text)


@contextmanager
def recording(context: str, mode: str | ErrorHandlingMode | None = None) -> Iterator[None]:
    """Run a block whose failure goes to :func:`handle_error` instead of to the caller."""
    try:
        yield
    except Exception as error:
        handle_error(error, context, mode)


def handle_errors(
    met: Iterable[tuple[BaseException, str]], mode: str | ErrorHandlingMode | None = None
) -> None:
    """Decide about each of several errors before any of them is raised.

    Args:
        met: What happened, and what was being done; see :func:`handle_error`.
        mode: The error mode of the run.

    Raises:
        Exception: the first that has to be; the others are logged, and noted beside it.
    """
    decided = (failure_of(partial(handle_error, error, doing, mode)) for error, doing in met)
    raise_first([failure for failure in decided if failure is not None])


def raise_first(failures: Sequence[Exception]) -> None:
    """Raise the first of several errors, if there is one; none of the others is lost.

    Raises:
        Exception: the first; the others are logged, and noted beside it.
    """
    if failures:
        note_beside(failures[0], failures[1:], "going on")
        raise failures[0]


def note_beside(error: BaseException, others: Sequence[Exception], doing: str) -> None:
    """Log other errors and note them beside an exception that is on its way."""
    for other in others:
        if not isinstance(other, Warning):  # what was warned of is in the log already
            log_error(other, doing)
        add_note(error, f"ml-dash, {doing}: {other}")


def failure_of(step: Callable[[], object]) -> Exception | None:
    """Run a step and return what it raised, for other steps, or a background thread, to go on.

    Nothing is hidden: whoever calls this tells what it gets.
    """
    try:
        step()
    except Exception as error:
        return error
    return None


def end_of(step: Callable[[], object]) -> BaseException | None:
    """Run a step of a thread of our own; a ``SystemExit`` there is no more than another error.

    It would end the thread without a word, and nobody else would hear of it.
    """
    try:
        step()
    except BaseException as error:
        return error
    return None
