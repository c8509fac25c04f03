"""Choosing, explaining and finding behaviour that changes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_dash import Experiment, RemoteClient, future
from ml_dash.exceptions import ConfigurationError, MLDashDeprecationWarning, UsageError


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work where no pyproject.toml of ours is above."""
    monkeypatch.chdir(tmp_path)


def test_enable_and_disable() -> None:
    """They hold for what is built afterwards; the last word counts."""
    future.enable("lookups_raise", "0.9")
    assert future.is_on("values_checked")
    future.disable("values_checked")
    assert not future.is_on("MLD005")
    future.reset()
    assert not future.is_on("lookups_raise")
    with pytest.raises(ConfigurationError, match="lookups_raise"):
        future.enable("values_checked", "lookup_raise")
    assert not future.is_on("values_checked")
    with pytest.raises(ConfigurationError, match="no flag"):
        future.is_on("nonsense")


def test_override_nests_and_ends() -> None:
    """The inner block counts more; after an error too, everything is as before."""
    def held() -> tuple[bool, bool]:
        return future.is_on("lookups_raise"), future.is_on("values_checked")

    @future.override("-lookups_raise", "values_checked")
    def inner() -> None:
        assert held() == (False, True)
        raise KeyError

    with future.override("lookups_raise"):
        with pytest.raises(KeyError):
            inner()
        assert held() == (True, False)
    assert held() == (False, False)


def unlike() -> list[tuple[str, type[BaseException] | None]]:
    """Return choices and what an unknown keyword leads to under them."""
    return [("arguments_checked", UsageError), ("-arguments_checked", None)] * 8


def build(choice: str, expected: type[BaseException] | None) -> None:
    """Build an experiment with an unknown keyword under a choice of its own."""
    if expected is None:
        Experiment("o/p/n", future=choice, colour="red")
        return
    with pytest.raises(expected):
        Experiment("o/p/n", future=choice, colour="red")


def test_opposite_objects_in_threads() -> None:
    """Each has the rules it was built with, whoever uses it."""
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(build, *pair) for pair in unlike()]:
            done.result()


def test_opposite_blocks_in_tasks() -> None:
    """A block holds for its task, also while others run."""

    async def work(choice: str, expected: type[BaseException] | None) -> None:
        with future.override(choice):
            await asyncio.sleep(0)
            assert future.is_on("arguments_checked") == (expected is not None)
            if expected is None:
                Experiment("o/p/n", colour="red")
            else:
                with pytest.raises(expected):
                    Experiment("o/p/n", colour="red")

    async def main() -> None:
        await asyncio.gather(*(work(*pair) for pair in unlike()))

    asyncio.run(main())


def test_opposite_clients_and_runs_side_by_side(tmp_path: Path) -> None:
    """The same damage raises in one run and reads as empty in the other."""
    for name in ("new", "old"):
        folder = tmp_path / "o" / "p" / name
        folder.mkdir(parents=True)
        (folder / "parameters.json").write_text("{")
    new = Experiment("o/p/new", dash_root=tmp_path, future="local_reads_raise")
    old = Experiment("o/p/old", dash_root=tmp_path, future="-local_reads_raise")
    with new.run, old.run:
        assert old.params.get() == {}
        with pytest.raises(ValueError, match=r"parameters\.json"):
            new.params.get()
    client = RemoteClient("http://127.0.0.1:9", future="lookups_raise")
    with client, pytest.raises(ConfigurationError, match="'lookups_raise'"):
        RemoteClient("http://127.0.0.1:9", future="lookups_rise")


def test_explain(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each flag: value, who decided, who was not heard, when it changes."""
    monkeypatch.setenv("ML_DASH_FUTURE", "0.9")
    future.disable("lookups_raise")
    future.explain()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert "MLD001 lookups_raise      old (by ml_dash.future, not ML_DASH_FUTURE=0.9)" in lines[0]
    assert "flips in 0.9, locked in 1.0" in lines[0]
    assert "new (by ML_DASH_FUTURE=0.9)" in lines[1]


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines of code that met old behaviour, with their counts."""
    future.report()
    assert "No line" in capsys.readouterr().out
    with pytest.warns(MLDashDeprecationWarning) as told:
        runs = [Experiment("o/p/n", colour="red") for _ in range(3)]
    assert (len(told), len(runs)) == (1, 3)
    (use,) = future.uses()
    assert (use["id"], use["api"], use["count"]) == ("MLD006", "Experiment", 3)
    assert (use["file"], use["raises"]) == (__file__, "UsageError")
    future.report()
    assert f"{__file__}:{use['line']}: MLD006 Experiment, 3 times" in capsys.readouterr().out
