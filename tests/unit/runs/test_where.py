"""Conditions on runs, and the names of their values."""

from __future__ import annotations

import pytest

from ml_dash import Experiment
from ml_dash.exceptions import UsageError
from ml_dash.runs import MISSING, FolderRun, local_runs, value_of, where


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FolderRun:
    """Return a run with something of each kind."""
    root = tmp_path_factory.mktemp("runs")
    exp = Experiment("alice/vision/sweep/first", dash_root=root, echo=False, tags=["good", "big"],
                     metadata={"host": {"name": "a1"}})  # fmt: skip
    with exp.run:
        exp.params.set(lr=0.01, model="resnet", layers=[1, 2], **{"opt.name": "adam"}, off=None)
        for number in range(10):
            exp.metrics("train").log(step=number, loss=1.0 - number / 10)
            exp.metrics("eval/top").log(acc=number / 10)
            exp.metrics("odd").log(x=float("nan"))
        exp.log("hello")
    (found,) = local_runs(root)
    return found


@pytest.mark.parametrize("condition", [
    "params.lr < 0.1", "params.lr == 0.01 and status == 'COMPLETED'", "0.001 < params.lr <= 0.01",
    "params.model in ['vgg', 'resnet']", "'good' in tags", "'bad' not in tags",
    "params.opt.name == 'adam'", "metrics.train.loss.min < 0.11", "metrics.train.loss < 0.11",
    "metrics.train.loss.count == 10", "metrics.train.last < 0.11", "metrics['eval/top'].acc == 0.9",
    "metrics['eval/top'].acc.mean > 0.4", "metrics == 3 and logs == 1", "not params.nothing",
    "params.nothing == None", "params.nothing is None", "params.lr is not None",
    "params.lr * 2 == 0.02 and -params.lr < 0", "metadata.host.name == 'a1'", "duration_s >= 0",
    "path == 'alice/vision/sweep/first' and owner == 'alice' and project == 'vision'",
    "params.layers == [1, 2]", "metrics.odd.x == None", "params.off == None",
    "params.lr > 1 or name == 'first'", "params.nothing != 3",
])  # fmt: skip
def test_what_holds(run: FolderRun, condition: str) -> None:
    """Comparisons, lists, arithmetic, odd names and what is missing mean what they say."""
    assert where(condition)(run)


@pytest.mark.parametrize("condition", [
    "params.lr > 0.1", "params.model < 3", "params.nothing < 3", "params.nothing > 3",
    "params.nothing in [1]", "1 in params.nothing", "metrics.none.loss < 1", "3 in params.lr",
    "metrics.train.none < 1", "metrics.odd.x < 1", "params.nothing + 1 > 0", "params.lr / 0 > 1",
    "metadata.host.name.more == 1", "'x' in description",
])  # fmt: skip
def test_what_does_not_hold(run: FolderRun, condition: str) -> None:
    """What is missing, or cannot be compared, is neither below nor above anything."""
    assert not where(condition)(run)


@pytest.mark.parametrize("condition", [
    "", "params.lr <", "stauts == 'x'", "params == 1", "__import__('os')", "params.lr.__class__()",
    "(lambda: 1)()", "[x for x in tags]", "f'{tags}'", "params['a' + 'b'] == 1", "x := 1",
    "params.lr ** 9 ** 9", "~logs", "status == 'a' if tags else 1", "(" * 500 + ")" * 500,
    "1" * 20_000, "params.lr == 1; import os", "name.x == 1",
])  # fmt: skip
def test_what_is_no_condition(condition: str) -> None:
    """Anything beyond comparisons of names and constants is refused before a run is read."""
    with pytest.raises(UsageError, match=r"condition|Runs have no"):
        where(condition)


def test_values_by_name(run: FolderRun) -> None:
    """A value is found by the name that it was logged by; MISSING is only for what is not there."""
    assert value_of(run, "params.layers") == [1, 2]
    assert value_of(run, "params.off") is None
    assert value_of(run, "params.none") is MISSING
    assert value_of(run, "metrics.train.step.max") == 9
    assert value_of(run, "description") is MISSING
    with pytest.raises(UsageError, match="Runs have no 'colour'"):
        value_of(run, "colour")
