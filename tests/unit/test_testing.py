"""The tools for users' own tests."""

from __future__ import annotations

import pytest

from ml_dash.exceptions import UnsummarizedBufferError
from ml_dash.testing import recorded, temporary_run


def test_everything_of_a_run_is_shown() -> None:
    """Parameters, logs, metrics, tracks, files and the document; the folder goes with the block."""
    with temporary_run() as exp:
        folder = exp.folder
        exp.params.set(model={"depth": 3})
        exp.log("hello", step=1)
        exp.metrics.log(epoch=1, train={"loss": 0.5})
        exp.tracks("t").append(_ts=1, x=1)
        exp.files("a/b").save_text("x", to="c.txt")
        run = recorded(exp)
    assert not folder.exists()
    assert run.params == {"model.depth": 3}
    assert [(line["message"], line["metadata"]) for line in run.logs] == [("hello", {"step": 1})]
    assert run.metrics == {None: [{"epoch": 1}], "train": [{"epoch": 1, "loss": 0.5}]}
    assert run.tracks == {"t": [{"timestamp": 1.0, "x": 1}]}
    assert list(run.files) == ["a/b/c.txt"]
    assert run.document["status"] == "RUNNING"


def test_nothing_goes_unseen() -> None:
    """The run is strict, and the folder goes also when it fails."""
    run = temporary_run()
    exp = run.__enter__()
    exp.metrics("m").buffer(a=1)
    with pytest.raises(UnsummarizedBufferError):
        run.__exit__(None, None, None)
    assert not exp.folder.exists()
