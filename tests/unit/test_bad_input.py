"""Bad input: a typed error at the call, a hint, and a folder as it was, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment
from ml_dash.exceptions import (
    ConfigurationError,
    InvalidFileError,
    InvalidValueError,
    MissingDependencyError,
    MLDashError,
    PrefixError,
    SerializationError,
)

NO_JSON = object()
Call = Callable[[Experiment], Any]


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def exp(tmp_path: Path) -> Any:
    """Return an open experiment that has some of everything."""
    exp = Experiment("o/p/n", dash_root=tmp_path, echo=False)
    exp.run.start()
    exp.params.set(a=1)
    exp.metrics("m").log(a=1)
    exp.tracks("t").append(_ts=1, a=1)
    exp.log("x")
    exp.files("f").save_text("x", to="x.txt")
    exp.flush()
    yield exp
    exp.run.complete()


@pytest.mark.parametrize(
    ("call", "error", "builtin", "says"),
    [
        (lambda e: e.params.set(ok=1, bad=NO_JSON), SerializationError, TypeError, "bad"),
        (lambda e: e.params.set(a={"b": [1, NO_JSON]}), SerializationError, TypeError,
         r"a\.b\[1\]"),
        (lambda e: e.params.set(a={(1, 2): 3}), SerializationError, TypeError, "key"),
        (lambda e: e.params.set(a=b"bytes"), SerializationError, TypeError, "bytes"),
        (lambda e: e.metrics("m").log(x=NO_JSON), SerializationError, ValueError, "x"),
        (lambda e: e.metrics("new").log(x={1}), SerializationError, ValueError, "set"),
        (lambda e: e.metrics.log(ok={"a": 1}, bad={"b": NO_JSON}), SerializationError, TypeError,
         "b"),
        (lambda e: e.metrics("m").log(_ts="soon", a=1), InvalidValueError, ValueError, "numeric"),
        (lambda e: e.metrics("m").read(limit=-1), InvalidValueError, ValueError, "limit"),
        (lambda e: e.metrics("m").read(limit="all"), InvalidValueError, ValueError, "limit"),
        (lambda e: e.metrics(5), InvalidValueError, TypeError, "name"),
        (lambda e: e.metrics(""), InvalidValueError, ValueError, "empty"),
        (lambda e: e.metrics("m2", tags="a"), InvalidValueError, ValueError, "tags"),
        (lambda e: e.metrics.buffer.log_summary("mode"), ConfigurationError, ValueError,
         "Unsupported aggregation"),
        (lambda e: e.log("x", at=NO_JSON), SerializationError, TypeError, "at"),
        (lambda e: e.log("x", level="warning"), InvalidValueError, ValueError, "Invalid log level"),
        (lambda e: e.tracks("t").append(_ts="abc"), InvalidValueError, ValueError,
         "must be numeric"),
        (lambda e: e.tracks("t").append(_ts=None), InvalidValueError, ValueError,
         "must be numeric"),
        (lambda e: e.tracks("t").append(timestamp=5), InvalidValueError, ValueError, "timestamp"),
        (lambda e: e.tracks("t").append(x=NO_JSON), SerializationError, TypeError, "x"),
        (lambda e: e.tracks("t").read(format="xml"), InvalidValueError, ValueError,
         "Unsupported format"),
        (lambda e: e.tracks(""), InvalidValueError, ValueError, "topic"),
        (lambda e: e.files("f").upload("/nowhere/at/all"), InvalidFileError, ValueError,
         "File not found"),
        (lambda e: e.files("f").upload("/"), InvalidFileError, ValueError, "not a file"),
        (lambda e: e.files("f").upload(""), InvalidFileError, ValueError, "empty"),
        (lambda e: e.files("f").save_text("x", to="../../../x"), MLDashError, ValueError, r"\.\."),
        (lambda e: e.files("../../f").save_text("x", to="x"), MLDashError, ValueError, r"\.\."),
        (lambda e: e.files("f").save_text("x", to=""), MLDashError, ValueError, "name"),
        (lambda e: e.files("f").save_json({"a": NO_JSON}, to="x.json"), SerializationError,
         TypeError, "a"),
        (lambda e: e.files("f").save(5, to="x"), InvalidValueError, ValueError,
         "Unsupported content"),
        (lambda e: e.files("f").save_video([], to="x.mp4"), InvalidValueError, ValueError,
         "frame_stack is empty"),
        (lambda e: e.files("f").duplicate(5, "x"), InvalidValueError, ValueError, "source must be"),
        (lambda e: e.files("f", tags="a"), InvalidValueError, ValueError, "tags"),
    ],
)  # fmt: skip
def test_a_bad_call_changes_nothing(
    exp: Experiment, call: Call, error: type[Exception], builtin: type[Exception], says: str
) -> None:
    """Each raises its class and 0.6's, says what is wrong, and leaves every byte alone."""
    before = content(exp.folder)
    with pytest.raises(error, match=says) as caught:
        call(exp)
    assert isinstance(caught.value, builtin)
    assert content(exp.folder) == before


def test_nothing_to_inherit(tmp_path: Path) -> None:
    """``_ts=-1`` needs a call before it in the thread."""
    with Experiment("o/p/n", dash_root=tmp_path).run as exp:
        with pytest.raises(InvalidValueError, match="no previous timestamp"):
            exp.metrics("m").log(a=1, _ts=-1)
        assert exp.metrics("m").read()["data"] == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"prefix": "a/../../b"}, PrefixError),
        ({"prefix": "a/{nope}/b"}, PrefixError),
        ({"prefix": "a/b\nc"}, PrefixError),
        ({"tags": "one"}, InvalidValueError),
        ({"tags": [1]}, InvalidValueError),
        ({"bindrs": {"a"}}, InvalidValueError),
        ({"metadata": [1]}, InvalidValueError),
        ({"metadata": {"a": NO_JSON}}, SerializationError),
        ({"error_mode": "harsh"}, ConfigurationError),
    ],
)
def test_a_bad_constructor_makes_no_run(
    tmp_path: Path, options: dict[str, Any], error: type[Exception]
) -> None:
    """The error is a ValueError and nothing is on disk."""
    with pytest.raises(error) as caught:
        Experiment(**{"prefix": "o/p/n", "dash_root": tmp_path / "root", **options})
    assert isinstance(caught.value, ValueError)
    assert content(tmp_path) == {}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ML_DASH_FLUSH_INTERVAL", "soon"),
        ("ML_DASH_METRIC_BATCH_SIZE", "0"),
        ("ML_DASH_LOG_BATCH_SIZE", "many"),
        ("ML_DASH_BUFFER_ENABLED", "maybe"),
        ("ML_DASH_DURABILITY", "diamond"),
        ("ML_DASH_ERROR_MODE", "harsh"),
        ("ML_DASH_ECHO", "perhaps"),
        ("ML_DASH_BACKLOG_MAX_BYTES", "-1"),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """The error names what was found and what is allowed."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=value) as caught:
        Experiment("o/p/n", dash_root=tmp_path)
    assert isinstance(caught.value, ValueError)
    assert caught.value.hint


@pytest.mark.parametrize("value", ["-1", "nan", "soon"])
def test_a_patience_may_be_infinite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A wrong one is told that, too."""
    monkeypatch.setenv("ML_DASH_CLOSE_TIMEOUT", value)
    with pytest.raises(ConfigurationError, match="or inf to wait for ever"):
        Experiment("o/p/n", dash_root=tmp_path, dash_url="http://127.0.0.1:9")


def test_what_cannot_be_called_is_no_callback(tmp_path: Path) -> None:
    """It is refused at the call, and nothing is recorded."""
    with pytest.raises(InvalidValueError, match="on_delivery_error is 5"):
        Experiment("o/p/n", dash_root=tmp_path, on_delivery_error=5)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["logs", "metrics", "tracks", "files", ".ml-dash", "o"])
def test_a_planted_link_is_not_followed(tmp_path: Path, place: str) -> None:
    """A folder of the run, or of its prefix, that leads elsewhere is refused at the start."""
    outside = tmp_path / "outside"
    outside.mkdir()
    run = tmp_path / "root" / "o" / "p" / "n"
    link = tmp_path / "root" / "o" if place == "o" else run / place
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    exp = Experiment("o/p/n", dash_root=tmp_path / "root")
    with pytest.raises(PrefixError, match="symbolic link"):
        exp.run.start()
    assert list(outside.iterdir()) == []


def test_a_link_planted_while_the_run_is_open(tmp_path: Path) -> None:
    """The folder of a new metric, or its file, that is a link is refused at the call."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with Experiment("o/p/n", dash_root=tmp_path / "root").run as exp:
        (exp.folder / "metrics" / "train").symlink_to(outside)
        (exp.folder / "metrics" / "eval").mkdir()
        (exp.folder / "metrics" / "eval" / "data.jsonl").symlink_to(outside / "x")
        for name in ("train", "eval"):
            with pytest.raises(PrefixError, match="symbolic link"):
                exp.metrics(name).log(a=1)
    assert list(outside.iterdir()) == []


def test_a_figure_without_matplotlib(tmp_path: Path) -> None:
    """The error names the extra to install, and is an ImportError."""
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from ml_dash import Experiment\n"
        f"with Experiment('o/p/n', dash_root={os.fspath(tmp_path)!r}).run as exp:\n"
        "    try: exp.files('f').save_fig(None, to='x.png')\n"
        "    except ImportError as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(MissingDependencyError.__name__)
    assert 'pip install "ml-dash[images]"' in done.stdout
