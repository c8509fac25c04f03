"""Every failure of the table, in every error mode, with a client that lives and one that is killed.

Between the script, a process of its own, and the project's own server is a proxy that fails.
"""

from __future__ import annotations

import itertools
import json
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_dash._delivery.target import folder_of
from tests.delivery import faults
from tests.delivery.content import Content, found, wanted
from tests.delivery.faults import FAULTS, MODES, SHOWN, Fault, Verdict
from tests.delivery.proxy import Proxy, passing
from tests.delivery.site import Site, World, certificate, on_small_disks
from tests.delivery.training import BLOCK, Seen, Training, run_command

pytest.importorskip("uvicorn")

_numbers = itertools.count()
Make = Callable[[Fault], World]
WHILE_OPEN = [each for each in FAULTS if each[0] is not Verdict.START]
AT_START = [fault for verdict, fault in FAULTS if verdict is Verdict.START]
ON_THE_WAY = [f for verdict, f in FAULTS if verdict is Verdict.OUTAGE and f.way and not f.meet]
ROUTES = ("/logs", "/metrics/train/", "/tracks/", "/parameters", "/nodes")


def name(each: Any) -> str:
    """Return how a parameter is called."""
    return str(getattr(each, "name", each)) if not isinstance(each, Verdict) else each.name.lower()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the project's server, one for all tests of this process."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.server.kill()


@pytest.fixture(scope="session")
def small_site() -> Iterator[Site]:
    """Return a server on small disks, one for all tests of this process."""
    if os.environ.get("ML_DASH_TEST_NO_MOUNT") == "1":
        pytest.skip("ML_DASH_TEST_NO_MOUNT=1: full disks are not tested")
    with on_small_disks() as made:
        yield made


@pytest.fixture(scope="session")
def certificates(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, ssl.SSLContext]]:
    """Return the certificate that scripts trust, and what a server does with this and another."""
    path, own = certificate(tmp_path_factory.mktemp("own"))
    return path, {"own": own, "strange": certificate(tmp_path_factory.mktemp("strange"))[1]}


@pytest.fixture
def make(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificates: tuple[Path, dict[str, ssl.SSLContext]],
) -> Iterator[Make]:
    """Return a function that makes the world of a failure."""
    made: list[tuple[World, Any]] = []

    def world(fault: Fault) -> World:
        site = request.getfixturevalue("small_site" if fault.small_disks else "site")
        number = next(_numbers)
        user, namespace = f"user-{number}", f"lab-{number}"
        token = site.token(user)
        site.member(namespace, user, "admin")

        def encrypt(proxy: Proxy) -> None:
            proxy.tls = certificates[1]["own"] if fault.tls else None

        way = passing(site.server.address, encrypt)
        env = {"SSL_CERT_FILE": str(certificates[0]), "ML_DASH_CLOSE_TIMEOUT": "60", **fault.env}
        made.append((World(
            site, way.__enter__(), user, namespace, token, tmp_path, certificates[1], env
        ), way))  # fmt: skip
        return made[-1][0]

    yield world
    for each, way in made:
        for script in each.scripts:
            script.kill()
        way.__exit__(None, None, None)


def there(world: World, run: Path) -> Content:
    """Return what the server has of the run."""
    run_id = folder_of(run, world.url).target.run_id
    return found(world.site.server.address, world.token, world.namespace, run_id)


def refused(run: Path) -> list[dict[str, Any]]:
    """Return what is kept aside of a run."""
    (path,) = run.glob(".ml-dash/delivery/*/rejected.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def adds_up(report: dict[str, Any]) -> None:
    """See that each stream's account, and the sum of all, adds up."""
    for row in [*report["streams"].values(), {**report, "rejected": {"all": report["rejected"]},
                                              "discarded": 0}]:  # fmt: skip
        rest = row["delivered"] + row["pending"] + row["discarded"] + sum(row["rejected"].values())
        assert row["accepted"] == rest, report


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
    aside = refused(run)
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
        world.training.do("wait_for", "failed (", 3 if "hang" not in fault.name else 2)
    elif verdict is not Verdict.UNSEEN:
        world.training.do("wait_for", "While delivering the run")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("verdict", "fault"), WHILE_OPEN, ids=name)
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
    script.do("flush")
    script.do("record", BLOCK + fault.count)
    report = script.do("close")
    all_there(world, script.folder, report, fault, 0, BLOCK, BLOCK + fault.count)
    promised(verdict, mode, script.seen())
    recovered(verdict, script.seen())


@pytest.mark.parametrize(("verdict", "fault"), WHILE_OPEN, ids=name)
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
    all_there(world, run, account_of(world, run), fault, 0, BLOCK)


def account_of(world: World, run: Path) -> dict[str, Any]:
    """Return the account of a run that nobody writes."""
    from ml_dash._delivery.bulk import opened

    with opened(run, folder_of(run, world.url)) as delivery:
        return delivery.report().as_dict()


def open_in_vain(world: World, mode: str, fault: Fault) -> str:
    """Start a script that meets the failure at its start; return what that raised."""
    script = world.start(mode)
    fault.start(world)
    raised: str = script.do("open")
    return raised


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("fault", AT_START, ids=name)
def test_a_start_that_fails(make: Make, fault: Fault, mode: str) -> None:
    """The start raises what the table says, once, and nothing is recorded."""
    world = make(fault)
    assert open_in_vain(world, mode, fault) == fault.raises
    assert not world.training.folder.exists()
    seen = world.training.seen()
    assert (len(seen.raised), seen.warned, seen.told()) == (1, [], [])


@pytest.mark.parametrize("end", ["close", "kill"])
@pytest.mark.parametrize("fault", AT_START, ids=name)
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
    all_there(world, script.folder, account_of(world, script.folder), fault, 0)
