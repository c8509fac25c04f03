"""The console module: what is written, where, and what happens when it cannot be."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_dash._base import console
from ml_dash.exceptions import ConfigurationError, ConsoleEchoError, RecoverableError
from tests.terminal import run_on_terminal

SAY = "from ml_dash._base import console; console.say('[bold]here[/bold]')"
PROGRESS = """
import sys
from ml_dash._base import console
with console.progress("Reading [all]", 3) as advance:
    for _ in range(3):
        print("[red]a line[/red]")
        advance(1)
"""


def run_watched(code: str, **settings: str) -> str:
    """Run code in a process whose three streams are a terminal; return what it drew."""
    return run_on_terminal([sys.executable, "-W", "error", "-c", code], settings=settings)


def run_piped(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process whose streams are pipes."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("level", ["info", "warn", "debug"])
def test_echo_writes_ordinary_levels_to_stdout(
    level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The echo of a level below error is one line on stdout."""
    console.echo(level, "loaded", {"images": 3, "path": Path("a")})
    assert capsys.readouterr() == (f"[{level.upper()}] loaded [images=3, path=a]\n", "")


@pytest.mark.parametrize("level", ["error", "fatal"])
def test_echo_writes_errors_to_stderr(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The echo of error and fatal is one line on stderr."""
    console.echo(level, "gone")
    assert capsys.readouterr() == ("", f"[{level.upper()}] gone\n")


def test_echo_reads_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a message, and messages that are no text, come out as they are."""
    console.echo("info", "[red]x[/red] [link=1]", {"shape": [2, 3]})
    console.echo("info", 7)
    assert capsys.readouterr().out == "[INFO] [red]x[/red] [link=1] [shape=[2, 3]]\n[INFO] 7\n"


def test_echo_uses_the_stdout_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stdout that was replaced after the import is the one that is written to."""
    replaced = io.StringIO()
    monkeypatch.setattr(sys, "stdout", replaced)
    console.echo("info", "here")
    assert replaced.getvalue() == "[INFO] here\n"


def test_echo_without_a_console_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has no stdout at all can log."""
    monkeypatch.setattr(sys, "stdout", None)
    console.echo("info", "nobody listens")


def closed_stream() -> io.TextIOBase:
    """Return a stream that is closed."""
    stream = io.StringIO()
    stream.close()
    return stream


def full_device() -> io.TextIOBase:
    """Return an unbuffered stream to the device that is always full."""
    return io.TextIOWrapper(open("/dev/full", "wb", buffering=0), write_through=True)


def ascii_stream() -> io.TextIOBase:
    """Return a stream whose encoding holds no accents."""
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


@pytest.mark.parametrize(
    ("make", "cause"),
    [(closed_stream, ValueError), (full_device, OSError), (ascii_stream, UnicodeEncodeError)],
)
def test_echo_that_fails_is_a_typed_error(
    make: Callable[[], io.TextIOWrapper], cause: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that takes no text gives ConsoleEchoError with the original as its cause."""
    stream = make()
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(ConsoleEchoError) as caught:
        console.echo("info", "é")
    assert isinstance(caught.value, (RecoverableError, OSError))
    assert type(caught.value.__cause__) is cause
    assert "not affected" in caught.value.kept
    if not stream.closed:
        stream.detach().close()


def test_say_is_silent_in_a_pipe() -> None:
    """Messages are for people: a pipe gets none."""
    done = run_piped(SAY)
    assert (done.stdout, done.stderr) == ("", "")


def test_say_writes_to_a_terminal_as_it_is() -> None:
    """A terminal gets the message, with its brackets."""
    assert run_watched(SAY) == "[bold]here[/bold]\r\n"


def test_say_obeys_quiet() -> None:
    """ML_DASH_QUIET=1 silences messages on a terminal too."""
    assert run_watched(SAY, ML_DASH_QUIET="1") == ""


def test_quiet_must_be_a_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of ML_DASH_QUIET that is no switch is a typed error that names it."""
    monkeypatch.setenv("ML_DASH_QUIET", "perhaps")
    with pytest.raises(ConfigurationError, match="ML_DASH_QUIET is 'perhaps'"):
        console.say("x")


def test_is_watched_with_a_closed_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed or missing stderr is watched by nobody."""
    for stream in (closed_stream(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        assert console.is_watched() is False


def test_progress_is_drawn_on_a_terminal() -> None:
    """A terminal sees the label, the steps and the lines printed meanwhile, without markup read."""
    drawn = run_watched(PROGRESS)
    assert "Reading [all]" in drawn
    assert "3/3" in drawn
    assert drawn.count("[red]a line[/red]") == 3


def test_progress_learns_how_much_there_is() -> None:
    """A total that is known later, or grows, is shown from then on."""
    drawn = run_watched(PROGRESS.replace(", 3)", ", 0)").replace("advance(1)", "advance(1, 3)"))
    assert "3/3" in drawn


def test_progress_is_silent_in_a_pipe() -> None:
    """A pipe gets the program's own lines and nothing else, and rich is not even imported."""
    done = run_piped(PROGRESS + "assert 'rich' not in sys.modules\n")
    assert (done.stdout, done.stderr) == ("[red]a line[/red]\n" * 3, "")


def test_progress_leaves_stdout_to_its_file(tmp_path: Path) -> None:
    """With stderr on a terminal and stdout in a file, what is printed goes into the file."""
    with (tmp_path / "out").open("w+", encoding="utf-8") as out:
        drawn = run_on_terminal([sys.executable, "-c", PROGRESS], stdout=out.fileno())
    assert "3/3" in drawn
    assert (tmp_path / "out").read_text("utf-8") == "[red]a line[/red]\n" * 3
