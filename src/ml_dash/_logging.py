"""``exp.log``: a line of the run's log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from ml_dash import _arguments as arguments
from ml_dash._base import console
from ml_dash._base.clock import stamp
from ml_dash._base.deprecate import Rules, changes
from ml_dash._base.policy import ErrorHandlingMode, handle_error
from ml_dash._store.logs import LogStore
from ml_dash.exceptions import ConsoleEchoError
from ml_dash.log import LogBuilder, LogLevel
from ml_dash.run import requires_open

F = TypeVar("F")

if TYPE_CHECKING:
    from typing_extensions import deprecated

    from ml_dash._store.run_store import RunStore
    from ml_dash.experiment import Experiment
else:

    def deprecated(_message: str) -> Callable[[F], F]:
        """Do nothing: typing_extensions takes longer to import than all of this module."""
        return lambda func: func


class Logging:
    """The logging part of an experiment."""

    _echo: bool
    _mode: ErrorHandlingMode
    _rules: Rules

    if TYPE_CHECKING:

        def _run_store_for_writing(self) -> RunStore: ...

    @overload
    def log(
        self,
        message: str,
        level: str | None = None,
        metadata: dict[str, Any] | None = None,
        **extra_metadata: Any,
    ) -> None: ...

    @overload
    @deprecated("MLD006: log() needs a message from 0.9 on. To fix it: ml-dash migrate fix")
    def log(
        self,
        message: None = None,
        level: str | None = None,
        metadata: dict[str, Any] | None = None,
        **extra_metadata: Any,
    ) -> LogBuilder: ...

    @changes("Experiment.log")
    @requires_open
    def log(
        self,
        message: str | None = None,
        level: str | None = None,
        metadata: dict[str, Any] | None = None,
        **extra_metadata: Any,
    ) -> LogBuilder | None:
        """Write a log line, to disk and to the console.

        Args:
            message: The text. Without one, a builder is returned (deprecated: use ``logs``).
            level: ``info`` (default), ``warn``, ``error``, ``debug`` or ``fatal``.
            metadata: Facts beside the text.
            **extra_metadata: More of them; they win over ``metadata``.

        Raises:
            InvalidValueError: the level is unknown; nothing was written.
            SerializationError: a value has no JSON form; nothing was written.
            UsageError: there is no message, from 0.9 on.
        """
        facts = {**(metadata or {}), **extra_metadata}
        if message is None:
            arguments.no_message(self._rules)
            return LogBuilder(cast("Experiment", self), facts)
        self._write_log(level or LogLevel.INFO.value, message, facts)
        return None

    def _write_log(self, level: str, message: Any, metadata: dict[str, Any]) -> None:
        name = LogLevel.validate(level)
        tail = LogStore.encode(name, message, stamp(), metadata)
        store = self._run_store_for_writing()
        store.write(store.logs.stream, tail, "logs")
        if self._echo:
            # Stored first: a console that takes no text costs nothing but its copy.
            try:
                console.echo(name, message, metadata)
            except ConsoleEchoError as error:
                handle_error(error, "printing a log line", self._mode)
