"""What the program shows of the package's log records and warnings: each as one line, once."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import click


class _Lines(logging.Handler):
    """Writes log records as lines, and remembers the errors that they were about."""

    def __init__(self, with_traces: Callable[[], bool]) -> None:
        super().__init__(logging.WARNING)
        self._with_traces = with_traces
        self._errors: set[str] = set()
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line for a record, and its traceback where that was asked for."""
        if record.exc_info and record.exc_info[1] is not None:
            self._errors.add(str(record.exc_info[1]))
            if self._with_traces():
                click.echo(logging.Formatter().formatException(record.exc_info), err=True)
        self._show(f"{record.levelname.capitalize()}: {record.getMessage()}")

    def warn(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Write one line for a warning, unless a log record has told the same."""
        text = str(message)
        if not any(text.startswith(told) for told in self._errors):
            self._show(f"Warning: {text}")

    def _show(self, line: str) -> None:
        """Write a line that was not written yet: each part of a run may meet the same damage."""
        if line not in self._shown:
            self._shown.add(line)
            click.echo(line, err=True)


@contextmanager
def as_lines(with_traces: Callable[[], bool]) -> Iterator[None]:
    """Show what the package logs and warns of as single lines on stderr while the block runs.

    The library leaves this to the application; here the program is the application.

    Args:
        with_traces: Tells, at each record, whether its traceback is shown above the line.
    """
    lines = _Lines(with_traces)
    logger = logging.getLogger("ml_dash")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(lines)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lines.warn
            yield
    finally:
        logger.removeHandler(lines)
        logger.propagate = propagate
