"""``ml-dash demo``: real data, a real model, a real folder, read back."""

from __future__ import annotations

import ast
import json
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ml_dash.cli_commands import demo as demo_command
from ml_dash.exceptions import DataLossError
from tests.terminal import run_on_terminal

from .conftest import Run


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demo once; return what it printed and the folder it printed it in."""
    place = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ml_dash.cli", "demo", "--epochs", "3"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nobody watches a pipe
    return done.stdout, place


def run_folder(printed: str) -> Path:
    """Return the folder that the demo named."""
    named = re.search(r"^Folder   (.+)$", printed, re.MULTILINE)
    assert named is not None
    return Path(named[1])


def test_demo_leaves_a_run_in_the_working_folder(demo: tuple[str, Path]) -> None:
    """The folder that it names lies below .dash, where it was called, and holds all of it."""
    printed, place = demo
    folder = run_folder(printed)
    assert folder.is_relative_to(place / ".dash/demo/digits")
    lines = (folder / "metrics/eval/data.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["data"]["epoch"] for line in lines] == [0, 1, 2]
    assert len((folder / "logs/logs.jsonl").read_text("utf-8").splitlines()) == 4
    assert json.loads((folder / "parameters.json").read_text("utf-8"))["data"]["seed"] == 7
    assert list(folder.glob("files/checkpoints/*/model.pkl"))
    figure = next(folder.glob("files/figures/*/confusion.png"))
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_demo_prints_a_ledger_that_adds_up(demo: tuple[str, Path]) -> None:
    """Each stream is listed with as many records stored as accepted, and nothing is lost."""
    printed, _ = demo
    table = printed.partition("Stream")[2].partition("Lost: 0\n")[0]
    rows = [line.split() for line in table.splitlines()[1:]]
    counts = {row[0]: [int(number) for number in row[1:]] for row in rows}
    assert set(counts) == {"logs", "metrics", "tracks", "params", "files"}
    for accepted, stored, waiting, refused in counts.values():
        assert (accepted > 0, stored, waiting, refused) == (True, accepted, 0, 0)


def test_demo_prints_a_script_that_reads_the_run(demo: tuple[str, Path]) -> None:
    """The script that it prints runs anywhere and prints what was recorded."""
    printed, place = demo
    script = textwrap.dedent(printed.partition("Read it back with:\n")[2].partition("or with")[0])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=place.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    params, point, entries, files = done.stdout.splitlines()
    assert ast.literal_eval(params)["model.learning_rate"] == 0.002
    assert ast.literal_eval(point)["data"]["epoch"] == 2
    assert entries == "129 entries"
    assert sorted(ast.literal_eval(files)) == ["confusion.png", "model.pkl"]


def test_demo_says_that_it_read_the_run_back(demo: tuple[str, Path]) -> None:
    """Its last line is the result of reading the run back and of using the stored model."""
    printed, _ = demo
    last = printed.splitlines()[-1]
    assert last.startswith("Read back and compared: 3 epochs, 129 track entries, 2 files;")
    right = re.search(r"right for (\d+\.\d)%", last)
    assert right is not None
    assert float(right[1]) > 80


def test_demo_shows_progress_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal the epochs are counted while they run."""
    drawn = run_on_terminal(
        [sys.executable, "-m", "ml_dash.cli", "demo", "--epochs", "2", "--root", "runs"],
        cwd=tmp_path,
    )
    assert "Training" in drawn
    assert "1/2" in drawn
    assert (tmp_path / "runs/demo/digits").is_dir()


def test_demo_without_its_extra_names_it(ml_dash: Run, tmp_path: Path) -> None:
    """Where scikit-learn is missing, the answer is how to install it, and no folder is left."""
    hidden = tmp_path / "hidden" / "sklearn"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text(
        "raise ModuleNotFoundError('No module named sklearn', name='sklearn')", "utf-8"
    )
    done = ml_dash("demo", PYTHONPATH=str(hidden.parent))
    assert (done.returncode, done.stdout) == (1, "")
    assert "The demo needs the package 'sklearn', which is not installed" in done.stderr
    assert 'Hint: pip install "ml-dash[demo]"' in done.stderr
    assert not (tmp_path / ".dash").exists()


def test_demo_on_a_root_that_is_a_file(ml_dash: Run, tmp_path: Path) -> None:
    """A root that is a file is wrong use."""
    (tmp_path / "runs").write_text("", "utf-8")
    done = ml_dash("demo", "--root", "runs")
    assert done.returncode == 2
    assert "is a file" in done.stderr


def test_demo_that_is_interrupted_says_where_it_was(tmp_path: Path) -> None:
    """Ctrl-C ends with 130, names the folder, and leaves a run that says it failed."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ml_dash.cli", "demo", "--epochs", "1000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "Epoch 0 done" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    folder = next((tmp_path / ".dash/demo/digits").iterdir())
    # Wherever it was hit: values that were gathered but not yet summarised are no error.
    gathered = "Warning: While closing the run: The run closed with "
    said = [line for line in told.splitlines() if line and not line.startswith(gathered)]
    assert said == [f"What was recorded until now is in {folder}", "Interrupted."]
    assert json.loads((folder / "experiment.json").read_text("utf-8"))["status"] == "FAILED"


def limited_demo(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the demo where no file may grow beyond 8 KiB."""
    command = shlex.join([sys.executable, "-m", "ml_dash.cli", "demo", "--epochs", "2", *words])
    return subprocess.run(
        ["bash", "-c", f"ulimit -f 8; exec {command}"],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_demo_on_a_disk_that_refuses(tmp_path: Path) -> None:
    """Where files cannot grow, it fails, says each thing in one line, and shows no traceback."""
    done = limited_demo(tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert all(re.match(r"(Error|Warning|Kept|Hint): ", line) for line in lines), done.stderr
    assert any("No space left on device" in line for line in lines)
    assert "unexpected" not in done.stderr
    assert len(lines) == len(set(lines))


def test_demo_on_a_disk_that_refuses_can_be_debugged(tmp_path: Path) -> None:
    """With --debug, the same failure shows the tracebacks of what was logged and of the error."""
    told = limited_demo(tmp_path, "--debug").stderr
    assert told.count("Traceback (most recent call last)") >= 2


def test_demo_notices_a_record_that_is_gone(demo: tuple[str, Path], tmp_path: Path) -> None:
    """Reading back is a real check: a run that lost its last point does not pass."""
    from ml_dash._examples import digits

    folder = run_folder(demo[0])
    copy = tmp_path / "demo/digits" / folder.name
    shutil.copytree(folder, copy)
    points = copy / "metrics/eval/data.jsonl"
    points.write_text("".join(points.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    model = pickle.loads(next(copy.glob("files/checkpoints/*/model.pkl")).read_bytes())
    place = demo_command._Place(tmp_path, f"demo/digits/{folder.name}")
    with pytest.raises(DataLossError, match=r"not as recorded: epochs, last scores") as caught:
        demo_command._check(digits, place, 3, model)
    assert str(copy) in caught.value.kept
