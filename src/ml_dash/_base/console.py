"""The one module that writes to the console for the package.

Messages and progress go to stderr, and only when a person can see them: stderr is a terminal and
``ML_DASH_QUIET`` is off. The echo of ``exp.log`` goes where 0.6 sent it. All text is written as it
is: nothing a user logs is read as markup. ``sys.stdout`` and ``sys.stderr`` are looked up at each
call, because notebooks, test runners and programs replace them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TextIO

from ml_dash._base import settings
from ml_dash.exceptions import ConsoleEchoError

ERROR_LEVELS: Final = frozenset({"error", "fatal"})
"""The levels whose echo goes to stderr; the others go to stdout."""


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, steps: int, total: int | None = None, /) -> object:
        """Show that some steps were done.

        Args:
            steps: How many, since the last time.
            total: How many there are in all, if that has changed.
        """
        ...


"""What a progress display is driven with: the number of steps just done."""


def echo(level: str, message: object, metadata: Mapping[str, Any] | None = None) -> None:
    """Write one log line, ``[LEVEL] message [k=v, ...]``, to stdout or stderr.

    Args:
        level: The lowercase level; ``error`` and ``fatal`` go to stderr.
        message: The text, written as it is.
        metadata: Facts beside it, each written as ``key=str(value)``.

    Raises:
        ConsoleEchoError: the console took no text: closed, broken, full, or too narrow an encoding.
    """
    line = f"[{level.upper()}] {message}"
    if metadata:
        line += " [" + ", ".join(f"{key}={value}" for key, value in metadata.items()) + "]"
    _write(sys.stderr if level in ERROR_LEVELS else sys.stdout, line)


def say(message: str, *, quiet: bool | None = None) -> None:
    """Tell the person at the terminal something: one message on stderr, or nothing.

    Args:
        message: The text, without a closing newline.
        quiet: True to say nothing, False to leave it to the terminal; ``ML_DASH_QUIET`` when None.

    Raises:
        ConsoleEchoError: stderr is a terminal but took no text.
        ConfigurationError: ``ML_DASH_QUIET`` is set to something impossible.
    """
    if is_watched(quiet=quiet):
        _write(sys.stderr, message)


def write_out(line: str) -> None:
    """Write a line that somebody asked for to stdout.

    Raises:
        ConsoleEchoError: stdout took no text.
    """
    _write(sys.stdout, line)


def is_watched(*, quiet: bool | None = None) -> bool:
    """Return whether messages and progress are to be shown.

    Args:
        quiet: As for :func:`say`.

    Raises:
        ConfigurationError: ``ML_DASH_QUIET`` is set to something impossible.
    """
    if settings.read_bool(settings.QUIET, False) if quiet is None else quiet:
        return False
    stream = sys.stderr
    return stream is not None and not stream.closed and stream.isatty()


@contextmanager
def progress(label: str, total: int, *, quiet: bool | None = None) -> Iterator[Advance]:
    """Show a progress bar on stderr while the block runs, and take it away at the end.

    Args:
        label: What is going on, two or three words.
        total: How many steps there are.
        quiet: As for :func:`say`.

    Yields:
        A function to call with the number of steps just done. It does nothing when nobody looks.

    Raises:
        ConfigurationError: ``ML_DASH_QUIET`` is set to something impossible.
    """
    if not is_watched(quiet=quiet):
        yield _advance_unseen
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    # Text that goes to a pipe stays in the pipe: only a stdout that is seen is drawn above the bar.
    seen = sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=True,
        redirect_stdout=seen,
    ) as bar:
        task = bar.add_task(escape(label), total=total)

        def advance(steps: int, total: int | None = None) -> None:
            # Drawn at each step: a short job would be over before the next tick.
            bar.update(task, advance=steps, total=total, refresh=True)

        yield advance


def _advance_unseen(_steps: int, _total: int | None = None) -> None:
    """Take a step that nobody looks at."""


def _write(stream: TextIO | None, line: str) -> None:
    """Write a line in one call, so that lines of several threads do not mix."""
    if stream is None:  # a program without a console, such as a Windows service
        return
    try:
        stream.write(line + "\n")
    except (OSError, ValueError) as error:  # ValueError: a closed file, or a UnicodeError
        name = getattr(stream, "name", type(stream).__name__)
        raise ConsoleEchoError(
            f"The console ({name}) took no text: {type(error).__name__}: {error}",
            kept="what was logged is not affected; only its copy on the console is missing",
            hint="Set ML_DASH_ECHO=0 to log without the console",
            context={"stream": name},
            cause=error,
        ) from error
