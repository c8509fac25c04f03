"""The program around the commands: help, typing errors, failures and exit codes."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import ml_dash as package
from ml_dash import cli
from ml_dash.exceptions import LocalWriteError

from .conftest import Run

Fail = Callable[[BaseException], None]
HEAVY = {"httpx", "rich", "numpy", "params_proto", "pydantic", "sklearn", "matplotlib", "pyarrow"}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Return a function that makes ``ml-dash version`` fail with an error."""

    def install(error: BaseException) -> None:
        def fail() -> None:
            raise error

        command = click.Command("version", callback=fail)
        monkeypatch.setattr("ml_dash.cli_commands.version.command", command)

    return install


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(words: tuple[str, ...], ml_dash: Run) -> None:
    """Without words, or asked for help, the program lists its commands and ends with 0."""
    done = ml_dash(*words)
    assert (done.returncode, done.stderr) == (0, "")
    for name, line in cli.COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert line in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_a_command(name: str, ml_dash: Run) -> None:
    """Each command explains itself, options included."""
    done = ml_dash(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: ml-dash {name} [OPTIONS]" in done.stdout
    assert "--debug" in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_table_of_commands_matches_the_modules(name: str) -> None:
    """A name in the table is the name of a module and of the command that it defines."""
    module = importlib.import_module(f"ml_dash.cli_commands.{name}")
    assert isinstance(module.command, click.Command)
    assert module.command.name == name
    assert module.command.help


def test_every_command_module_is_in_the_table() -> None:
    """No module lies in cli_commands without being reachable."""
    folder = Path(cli.__file__).parent / "cli_commands"
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules == set(cli.COMMANDS)


def test_version_option(ml_dash: Run) -> None:
    """--version prints the name and the version."""
    done = ml_dash("--version")
    assert (done.returncode, done.stdout) == (0, f"ml-dash {package.__version__}\n")


def test_typing_error_gets_a_suggestion(ml_dash: Run) -> None:
    """A command that is nearly right is answered with the right one and exit code 2."""
    done = ml_dash("vresion")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no command 'vresion'. Did you mean 'version'?" in done.stderr


def test_unknown_command_without_a_neighbour(ml_dash: Run) -> None:
    """A command that resembles none is answered without a suggestion."""
    done = ml_dash("xyzzy")
    assert done.returncode == 2
    assert "There is no command 'xyzzy'." in done.stderr
    assert "mean" not in done.stderr


@pytest.mark.parametrize(
    "words", [("--nope",), ("version", "--nope"), ("version", "extra"), ("demo", "--epochs", "0")]
)
def test_wrong_use_is_exit_code_2(words: tuple[str, ...], ml_dash: Run, tmp_path: Path) -> None:
    """Unknown options, too many words and values out of range end with 2 and touch nothing."""
    done = ml_dash(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: ml-dash" in done.stderr
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("profile", "--js", "--cach"), 0, '"authenticated": false'),
        (("create", "--projec", "a/b/c"), 2, "'a/b/c' names no project"),
        (("create", "--pr=a/b/c"), 2, "--pr may stand for --pref, --prefix, --proj, --project"),
        (("version", "--nothing"), 2, "No such option"),
        (("migrate", "report", "--base", "x"), 2, "No such option"),
    ],
)
def test_shortened_options(words: tuple[str, ...], code: int, said: str, ml_dash: Run) -> None:
    """Options may be shortened as in 0.6; what may stand for several is refused."""
    done = ml_dash(*words)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_foreseen_failure_is_three_lines(failing: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of the package is told as what happened, what was kept and what to do; exit 1."""
    failing(LocalWriteError("No room in /x", kept="all earlier records", hint="Free some space"))
    assert cli.main(["version"]) == 1
    expected = "Error: No room in /x\nKept: all earlier records\nHint: Free some space\n"
    assert capsys.readouterr() == ("", expected)


@pytest.mark.parametrize("words", [["--debug", "version"], ["version", "--debug"]])
def test_debug_adds_the_traceback(
    words: list[str], failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    """--debug, before or after the command, prints the traceback above the error."""
    failing(LocalWriteError("No room in /x"))
    assert cli.main(words) == 1
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last)")
    assert told.endswith("\nError: No room in /x\n")


def test_unforeseen_failure_asks_for_a_report(
    failing: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that nobody foresaw is one line and the way to its traceback; exit 1."""
    failing(ZeroDivisionError("division by zero"))
    assert cli.main(["version"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: unexpected ZeroDivisionError: division by zero\nHint: ")
    assert "--debug" in told
    assert "Traceback" not in told


def test_interruption_is_exit_code_130(failing: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with 130 and one word."""
    failing(KeyboardInterrupt())
    assert cli.main(["version"]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


def test_end_of_input_is_a_failure(failing: Fail, capsys: pytest.CaptureFixture[str]) -> None:
    """Input that ends at a question is a failure and says so."""
    failing(EOFError())
    assert cli.main(["version"]) == 1
    assert "the input ended" in capsys.readouterr().err


def test_closed_pipe_ends_quietly(tmp_path: Path) -> None:
    """A reader that goes away, such as head, gets no traceback from the program."""
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "ml_dash.cli", "version"],
        cwd=tmp_path,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def test_help_imports_nothing_heavy() -> None:
    """The help needs click and the error classes, and none of the packages that take long."""
    code = (
        "import sys; from ml_dash import cli; cli.main(['--help']);"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & HEAVY
    assert "ml_dash.experiment" not in loaded


def test_installed_program_is_this_program() -> None:
    """The installation put a program called ml-dash beside the interpreter."""
    program = Path(sys.executable).with_name("ml-dash")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"ml-dash {package.__version__}\n"


def test_shell_completion_knows_the_commands(ml_dash: Run) -> None:
    """The completion that click offers to shells answers with the commands."""
    done = ml_dash(_ML_DASH_COMPLETE="bash_complete", COMP_WORDS="ml-dash d", COMP_CWORD="1")
    assert "plain,demo" in done.stdout
