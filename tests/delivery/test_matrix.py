"""Every failure of the table, in every error mode, with a client that lives and one that is killed.

Between the script, a process of its own, and the project's own server is a proxy that fails.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")

from ml_dash._delivery.target import folder_of
from ml_dash._delivery.telling import TELL_AFTER_S
from tests.delivery import faults
from tests.delivery.account import account_of, adds_up, refused
from tests.delivery.content import Content, found, wanted
from tests.delivery.fault import MODES, SHOWN, Fault, Verdict
from tests.delivery.faults import FAULTS
from tests.delivery.site import World
from tests.delivery.training import BLOCK, STREAMS, Seen, Training, run_command

Make = Callable[[Fault], World]
WHILE_OPEN = [
    pytest.param(verdict, fault, mode, id=f"{fault.name}-{mode}")
    for verdict, fault in FAULTS
    if verdict is not Verdict.START
    for mode in fault.modes
]
KILLED = [
    pytest.param(verdict, fault, id=fault.name)
    for verdict, fault in FAULTS
    if verdict is not Verdict.START and fault.modes == MODES
]
AT_START = [fault for verdict, fault in FAULTS if verdict is Verdict.START]
LOST = [
    fault
    for _, fault in FAULTS
    if fault.name in ("500", "torn", "reset") or fault.name.endswith("after-commit")
]
TRIES = 3


def there(world: World, run: Path) -> Content:
    """Return what the server has of the run."""
    run_id = folder_of(run, world.url).target.run_id
    return found(world.site.server.address, world.token, world.namespace, run_id)


def all_there(world: World, run: Path, report: dict[str, Any], fault: Fault, *starts: int) -> None:
    """See that the server has what was accepted without what is kept aside, once, in order."""
    adds_up(report)
    assert (report["pending"], report["maybe_duplicated"]) == (0, 0)
    blocks = [(start, fault.count if start == BLOCK else BLOCK) for start in starts]
    bad = BLOCK + fault.count // 2
    streams = fault.poison.streams if fault.poison else ()
    assert there(world, run) == wanted(blocks, dict.fromkeys(streams, bad))
    assert report["rejected"] == len(streams)
    if fault.poison is None:
        return
    aside = refused(run, world.url)
    assert sorted(entry["stream"] for entry in aside) == sorted(streams)
    assert all(str(entry["status"]) in fault.name and entry["reason"] for entry in aside)


def promised(verdict: Verdict, mode: str, seen: Seen) -> None:
    """See that the user saw what the mode promises, once."""
    if verdict is Verdict.UNSEEN:
        assert (seen.raised, seen.warned, seen.told(), seen.recovered()) == ([], [], [], [])
        return
    shown = SHOWN[verdict].modes[mode]
    assert [level for level, _ in seen.told()] == [shown.level], seen
    assert len(seen.raised) == shown.raised, seen
    assert [kind for kind, _ in seen.warned] == [shown.warned] * bool(shown.warned), seen


def recovered(verdict: Verdict, seen: Seen) -> None:
    """See that the end of the failure was told, once."""
    over = SHOWN[verdict].over if verdict in SHOWN else ""
    assert [over in line for line in seen.recovered()] == [True] * bool(over), seen


def open_run(world: World, mode: str) -> Training:
    """Start a script whose first records arrive."""
    script = world.start(mode)
    assert script.do("open") == ""
    script.do("record", 0)
    script.do("flush")
    world.proxy.seen.clear()
    return script


def meet(world: World, verdict: Verdict, fault: Fault) -> None:
    """Log something that meets the failure; return when the user has been told."""
    world.training.do("record", BLOCK, fault.count, fault.poison)
    if fault.meet is not None:
        fault.meet(world)
    elif verdict is Verdict.OUTAGE:
        world.training.do("wait_for", "failed (", TRIES)
    elif verdict is not Verdict.UNSEEN:
        world.training.do("wait_for", "While delivering the run")


@pytest.mark.parametrize(("verdict", "fault", "mode"), WHILE_OPEN)
def test_a_failure_while_a_run_is_open(
    make: Make, verdict: Verdict, fault: Fault, mode: str
) -> None:
    """Everything arrives once and in order, the account adds up, the mode's promise is kept."""
    world = make(fault)
    script = open_run(world, mode)
    fault.start(world)
    meet(world, verdict, fault)
    if verdict is not Verdict.OUTAGE:
        owed = "DeliveryTimeoutError" if (verdict, mode) == (Verdict.HALT, "strict") else ""
        assert [script.do("try_flush"), script.do("try_flush")] == [owed] * 2
    if fault.starts_again:
        promised(verdict, mode, script.seen())
        adds_up(script.do("close"))
        script = world.start(mode)
        script.do("open")
        promised(Verdict.UNSEEN, mode, script.seen())
        all_there(world, script.folder, script.do("close"), fault, BLOCK)
        return
    fault.stop(world)
    if verdict is Verdict.OUTAGE:  # it ends by itself
        script.do("wait_for", SHOWN[verdict].over)
    script.do("flush")
    script.do("record", BLOCK + fault.count)
    report = script.do("close")
    all_there(world, script.folder, report, fault, 0, BLOCK, BLOCK + fault.count)
    promised(verdict, mode, script.seen())
    recovered(verdict, script.seen())


@pytest.mark.parametrize(("verdict", "fault"), KILLED)
def test_a_client_that_is_killed_meanwhile(make: Make, verdict: Verdict, fault: Fault) -> None:
    """What it had accepted is delivered by a sync: once, in order, refused records apart."""
    world = make(fault)
    script = open_run(world, "permissive")
    fault.start(world)
    meet(world, verdict, fault)
    script.kill()
    world.scripts.clear()
    fault.stop(world)
    synced(world, script.folder, fault)


def synced(world: World, run: Path, fault: Fault) -> None:
    """Let a sync deliver what a run owes, or the run's next start, and see that it has."""
    if fault.starts_again:
        assert run_command(world.setup(), "sync", str(run))[0] == 3
        script = world.start()
        assert script.do("open") == ""
        all_there(world, run, script.do("close"), fault, BLOCK)
        return
    code, _ = run_command(world.setup(), "sync", str(run))
    assert code == (3 if fault.poison else 0)
    all_there(world, run, account_of(run, world.url), fault, 0, BLOCK)


def open_in_vain(world: World, mode: str, fault: Fault) -> str:
    """Start a script that meets the failure at its start; return what that raised."""
    script = world.start(mode)
    fault.start(world)
    raised: str = script.do("open")
    return raised


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("fault", AT_START, ids=lambda fault: fault.name)
def test_a_start_that_fails(make: Make, fault: Fault, mode: str) -> None:
    """The start raises what the table says, once, and nothing is recorded."""
    world = make(fault)
    assert open_in_vain(world, mode, fault) == fault.raises
    assert not world.training.folder.exists()
    seen = world.training.seen()
    assert (len(seen.raised), seen.warned, seen.told()) == (1, [], [])


@pytest.mark.parametrize("end", ["close", "kill"])
@pytest.mark.parametrize("fault", AT_START, ids=lambda fault: fault.name)
def test_a_permissive_start_that_fails(make: Make, fault: Fault, end: str) -> None:
    """The run is recorded all the same, which is told; a sync delivers it, a killed one too."""
    world = make(fault)
    assert open_in_vain(world, "permissive", fault) == ""
    script = world.training
    script.do("record", 0)
    if end == "close":
        report = script.do("close")
        adds_up(report)
        assert report["delivered"] == 0
        assert report["pending"] == report["accepted"] > 0
        seen = script.seen()
        assert (seen.raised, seen.warned) == ([], [])
        assert sum("it goes on without the server" in line for _, line in seen.logged) == 1
    script.kill()
    world.scripts.clear()
    fault.stop(world)
    assert run_command(world.setup(), "sync", str(script.folder))[0] == 0
    all_there(world, script.folder, account_of(script.folder, world.url), fault, 0)


@pytest.mark.parametrize("bundled", [True, False], ids=["bundled", "apart"])
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.name)
def test_each_request_fails(make: Make, fault: Fault, bundled: bool) -> None:
    """Whatever kind of request is lost, twice each, its records are there once and in order."""
    world = make(fault)
    world.env["ML_DASH_REQUEST_TIMEOUT"] = "0.5"
    world.proxy.bundles = bundled
    script = world.start()
    assert script.do("open") == ""
    world.proxy.fail_each(2, **fault.way)  # type: ignore[arg-type]
    script.do("record", 0)
    script.do("record", BLOCK)
    report = script.do("close")
    all_there(world, script.folder, report, fault, 0, BLOCK)
    assert report["retries"] >= 2 * len(STREAMS)
    assert bool(world.proxy.count("/bundle")) == bundled


@pytest.mark.parametrize("mode", MODES)
def test_an_outage_while_a_run_closes(make: Make, mode: str) -> None:
    """The end waits until it is over, in STRICT too, and everything arrives before it raises."""
    fault = next(fault for _, fault in FAULTS if fault.name == "500")
    world = make(fault)
    script = open_run(world, mode)
    script.do("be_told_after", 0.5)  # thus while it closes
    fault.start(world)
    script.do("record", BLOCK)
    script.do("begin_close")
    script.do("wait_for", "While delivering the run")
    fault.stop(world)
    all_there(world, script.folder, script.do("end_close"), fault, 0, BLOCK)
    promised(Verdict.OUTAGE, mode, script.seen())
    recovered(Verdict.OUTAGE, script.seen())


@pytest.mark.parametrize("killed", [False, True], ids=["lives", "killed"])
def test_a_server_that_does_not_know_keys(make: Make, killed: bool) -> None:
    """At least once, in order, and the doubt is noted: how many records may be there twice."""
    fault = next(fault for _, fault in FAULTS if fault.name == "reset-after-commit")
    world = make(fault)
    world.proxy.is_old = True
    script = open_run(world, "permissive")
    lost = world.proxy.fail("reset", part="/logs", after=True, times=2)
    script.do("record", BLOCK)
    if killed:
        world.proxy.wait_for(lambda: not lost.times)
        script.kill()
        world.scripts.clear()
        assert run_command(world.setup(), "sync", str(script.folder))[0] == 0
        report = account_of(script.folder, world.url)
    else:
        report = script.do("close")
    adds_up(report)
    lines = there(world, script.folder).logs
    assert list(dict.fromkeys(lines)) == wanted([(0, BLOCK), (BLOCK, BLOCK)], {}).logs
    assert len(lines) - 2 * BLOCK == 2 * report["maybe_duplicated"] > 0
    assert report["streams"]["logs"]["maybe_duplicated"] == report["maybe_duplicated"]


def test_the_rules_as_users_have_them(make: Make) -> None:
    """Nothing is shortened: an outage of under 5 s is not shown, one of 10 s is, once."""
    fault = next(fault for _, fault in FAULTS if fault.name == "500")
    worlds = {mode: make(fault) for mode in MODES}
    for mode, world in worlds.items():
        script = world.start(mode, impatient=False)
        assert script.do("open") == ""
        script.do("record", 0)
    for outage_s, start in ((TELL_AFTER_S - 3, BLOCK), (2 * TELL_AFTER_S, 2 * BLOCK)):
        for world in worlds.values():
            fault.start(world)
            world.training.do("record", start)
        threading.Event().wait(outage_s)
        for mode, world in worlds.items():
            is_long = outage_s > TELL_AFTER_S
            world.training.do("wait_for", "While delivering the run" if is_long else "failed (")
            fault.stop(world)
            world.training.do("flush")
            verdict = Verdict.OUTAGE if is_long else Verdict.UNSEEN
            promised(verdict, mode, world.training.seen())
    for mode, world in worlds.items():
        report = world.training.do("close")
        all_there(world, world.training.folder, report, fault, 0, BLOCK, 2 * BLOCK)
        promised(Verdict.OUTAGE, mode, world.training.seen())
        recovered(Verdict.OUTAGE, world.training.seen())


def test_the_page_has_the_table() -> None:
    """``python -m tests.delivery.faults`` writes it again."""
    page = faults.PAGE.read_text("utf-8")
    assert faults.written(page) == page
    names = [fault.name for _, fault in FAULTS]
    assert len(set(names)) == len(names)
