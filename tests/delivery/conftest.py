"""Servers, and runs on their way to them."""

from __future__ import annotations

import itertools
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_dash._delivery import backoff, shipper
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.run_delivery import RunDelivery
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import folder_of
from ml_dash._store.run_store import RunStore
from tests.delivery.loopback import TOKEN, Loopback, serving

if TYPE_CHECKING:  # they need what the server needs
    from tests.delivery.fault import Fault
    from tests.delivery.proxy import Proxy
    from tests.delivery.site import Site, World
    from tests.server.running import RunningServer

PREFIX = "alice/vision/sweeps/first"
_numbers = itertools.count()


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Return a server that runs until the test ends."""
    with serving() as running:
        yield running


@pytest.fixture
def proxy(real: RunningServer) -> Iterator[Proxy]:
    """Return a proxy before the project's server, of which each module has its own."""
    from tests.delivery.proxy import passing

    with passing(real.address) as between:
        yield between


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a token that any server without authentication takes, and little patience."""
    monkeypatch.setenv("ML_DASH_TOKEN", "a-server-without-authentication")
    monkeypatch.setattr(backoff, "USUAL", Backoff(base_s=0.02, cap_s=0.1))
    monkeypatch.setattr(shipper, "POLL_S", 0.05)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Return an open run."""
    made = RunStore(tmp_path / "data", PREFIX.split("/"), "vision")
    made.open(described())
    return made


def described(**changes: Any) -> dict[str, Any]:
    """Return what a run is opened with."""
    return {
        "name": "first", "project": "vision", "description": "a run", "tags": ["t1"],
        "bindrs": [], "prefix": PREFIX, "metadata": {"seed": 7}, "write_protected": False,
        **changes,
    }  # fmt: skip


@pytest.fixture
def deliver(server: Loopback, store: RunStore) -> Iterator[Callable[..., RunDelivery]]:
    """Return a function that makes deliveries of the run to the server."""
    made: list[RunDelivery] = []

    def make(**changes: Any) -> RunDelivery:
        settings = {"backoff": Backoff(base_s=0.0), **changes}
        folder = folder_of(store.folder, server.url)
        folder.make(server.url, spool=False)
        client = Server(
            server.url, "alice", timeout_s=settings.pop("timeout_s", 5.0),
            api_key=settings.pop("api_key", TOKEN),
        )  # fmt: skip
        made.append(RunDelivery(store, folder, client, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
    store.close("COMPLETED")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the project's server, one for all tests of this process."""
    from tests.delivery.site import Site

    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.server.kill()


@pytest.fixture(scope="session")
def small_site() -> Iterator[Site]:
    """Return a server on small disks, one for all tests of this process."""
    if os.environ.get("ML_DASH_TEST_NO_MOUNT") == "1":
        pytest.skip("ML_DASH_TEST_NO_MOUNT=1: full disks are not tested")
    from tests.delivery.site import on_small_disks

    with on_small_disks() as made:
        yield made


@pytest.fixture(scope="session")
def certificates(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, ssl.SSLContext]]:
    """Return the certificate that scripts trust, and what a server does with this and another."""
    from tests.delivery.site import certificate

    path, own = certificate(tmp_path_factory.mktemp("own"))
    return path, {"own": own, "strange": certificate(tmp_path_factory.mktemp("strange"))[1]}


@pytest.fixture
def make(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    certificates: tuple[Path, dict[str, ssl.SSLContext]],
) -> Iterator[Callable[[Fault], World]]:
    """Return a function that makes the world of a failure."""
    from tests.delivery.proxy import passing
    from tests.delivery.site import World

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
