"""One folder used by an old release and by ours in turn, in ways that once lost data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compat import content, old_release
from tests.compat.old_release import Release

pytestmark = pytest.mark.old_release
RUN = "alice/mixed/run"
GetRelease = Callable[[str], Release]
START = """
import json
from ml_dash import Experiment
exp = Experiment("alice/mixed/run", dash_root="store")
exp.run.start()
def names():
    return sorted(f"{r['path']}/{r['filename']}" for r in exp.files().list())
# BODY
exp.run.complete()
print("ANSWER", json.dumps(answer))
"""
versions = pytest.mark.parametrize("version", old_release.RELEASES)


def do(release: Release, folder: Path, body: str) -> Any:
    """Run a few lines with a started ``exp``; return what they leave in ``answer``."""
    script = folder / "step.py"
    script.write_text(START.replace("# BODY", f"answer = None\n{body}"), encoding="utf-8")
    printed = release.run(script, cwd=folder, env={"ML_DASH_BUFFER_ENABLED": "false"}).stdout
    answers = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    return json.loads(answers[-1].removeprefix("ANSWER "))


@versions
def test_parameters_that_old_release_truncated(
    version: str, tmp_path: Path, release: GetRelease
) -> None:
    """0.6 truncates our parameters.json and starts again at version 1: ours keeps all of them."""
    do(release("current"), tmp_path, "exp.params.set(a=1)\nexp.params.set(b=2)")
    failing = "try: exp.params.set(bad=object())\nexcept TypeError: pass\nexp.params.set(c=3)"
    do(release(version), tmp_path, failing)
    assert content.document(tmp_path / "store" / RUN / "parameters.json")["version"] == 1
    assert do(release("current"), tmp_path, "answer = exp.params.get()") == {"a": 1, "b": 2, "c": 3}
    do(release("current"), tmp_path, "exp.params.set(d=4)")
    expected = {"a": 1, "b": 2, "c": 3, "d": 4}
    assert do(release("current"), tmp_path, "answer = exp.params.get()") == expected
    assert do(release(version), tmp_path, "answer = exp.params.get()") == expected


@versions
def test_value_that_old_release_changed(version: str, tmp_path: Path, release: GetRelease) -> None:
    """The last writer of a parameter wins, whichever release it was."""
    for step in range(2):
        do(release("current"), tmp_path, f"exp.params.set(a='ours {step}', own={step})")
        assert do(release(version), tmp_path, "answer = exp.params.get()")["a"] == f"ours {step}"
        do(release(version), tmp_path, f"exp.params.set(a='old {step}')")
        read = do(release("current"), tmp_path, "answer = exp.params.get()")
        assert read == {"a": f"old {step}", "own": step}


@versions
def test_file_that_old_release_deleted(version: str, tmp_path: Path, release: GetRelease) -> None:
    """A file of ours that 0.6 deleted stays deleted, and the other way round."""
    save = (
        "exp.files('a').save_text('x', to='one.txt')\nexp.files('a').save_text('y', to='two.txt')"
    )
    do(release("current"), tmp_path, save)
    do(release(version), tmp_path, "exp.files('a/one.txt').delete()")
    assert do(release("current"), tmp_path, "answer = names()") == ["/a/two.txt"]
    do(release("current"), tmp_path, "exp.files('b').save_text('z', to='three.txt')")
    both = ["/a/two.txt", "/b/three.txt"]
    assert do(release("current"), tmp_path, "answer = names()") == both
    assert do(release(version), tmp_path, "answer = names()") == both
    do(release("current"), tmp_path, "exp.files('a/two.txt').delete()")
    assert do(release(version), tmp_path, "answer = names()") == ["/b/three.txt"]


@versions
def test_topic_and_metric_begun_by_old_release(
    version: str, tmp_path: Path, release: GetRelease
) -> None:
    """Streams begun by one release are continued by the other, several times over."""
    for step in range(3):
        for who in (version, "current"):
            body = f"exp.metrics('m').log(step={step}, who={who!r})\n"
            body += f"exp.metrics.log(step={step}, who={who!r})\nexp.log('{step} {who}')\n"
            body += f"exp.tracks('a/b').append(_ts={step}, who={who!r})"
            do(release(who), tmp_path, body)
    turns = [(step, who) for step in range(3) for who in (version, "current")]
    held = content.read(tmp_path / "store" / RUN, escaped=True)
    for name in ("m", "None"):
        assert [(point["step"], point["who"]) for point in held["metrics"][name]] == turns
    assert [line["message"] for line in held["logs"]] == [f"{step} {who}" for step, who in turns]
    entries = held["tracks"]["a/b"]
    assert [(entry["timestamp"], entry["who"]) for entry in entries] == turns
    for who in (version, "current"):
        read = "answer = [p['index'] for p in exp.metrics('m').read()['data']]"
        assert do(release(who), tmp_path, read) == list(range(6))
