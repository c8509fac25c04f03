"""A real server on a socket of this machine, on a thread of the test's process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from sqlalchemy import Connection, Table, select

from ml_dash.server.auth import tokens, users
from ml_dash.server.database import Database
from ml_dash.server.ids import Ids
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import metadata
from ml_dash.server.web import protocol
from ml_dash.server.web.app import create_app


@dataclass
class Live:
    """A running server.

    Attributes:
        url: Where it is.
        settings: What it was started with.
    """

    url: str
    settings: ServerSettings
    _clients: list[httpx.Client] = field(default_factory=list)

    def token(self, user: str, role: str = "admin", *, admin: bool = False, **how: Any) -> str:
        """Make a user, and return a token of it."""
        with self.writing() as (connection, ids):
            row = users.ensure_user(connection, ids, user)
            if admin:
                users.make_admin(connection, row.id)
            return tokens.make(connection, ids, row.id, "test", role=role, **how).text

    def member(self, namespace: str, user: str, role: str) -> None:
        """Let a user be a member of a namespace."""
        with self.writing() as (connection, ids):
            row = users.ensure_user(connection, ids, user)
            users.add_member(
                connection, users.ensure_namespace(connection, ids, namespace), row.id, role
            )

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, Ids]]:
        """Open a write transaction behind the server's back, and what gives out ids."""
        with closing(Database(self.settings.database_url)) as database:
            ids = Ids(database)
            with database.write() as connection:
                yield connection, ids

    def client(self, token: str | None) -> httpx.Client:
        """Return an HTTP client that sends a token."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        made = httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)
        self._clients.append(made)
        return made

    def as_user(self, user: str, role: str = "admin") -> httpx.Client:
        """Return an HTTP client of a user."""
        return self.client(self.token(user, role))

    def stored(self) -> dict[str, Any]:
        """Return all that is stored: every row of every table, and every file of bytes."""
        database = Database(self.settings.database_url)
        with closing(database), database.read() as connection:
            found: dict[str, Any] = {
                table.name: sorted(map(repr, connection.execute(_rows(table))))
                for table in metadata.sorted_tables
            }
        folders = (self.settings.data / name for name in ("files", "incoming"))
        files = (each for folder in folders for each in folder.rglob("*") if each.is_file())
        return {**found, "bytes": sorted((str(each), each.stat().st_size) for each in files)}

    @contextmanager
    def nothing_stored(self) -> Iterator[None]:
        """Check that the block leaves all that is stored as it is."""
        before = self.stored()
        yield
        after = self.stored()
        changed = {name: after[name] for name in after if after[name] != before[name]}
        assert changed == {}

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()


def _rows(table: Table) -> Any:
    """Return the statement for the rows of a table, without what reading changes."""
    return select(*(each for each in table.columns if each.name != "last_used_ms"))


@contextmanager
def running(settings: ServerSettings) -> Iterator[Live]:
    """Run a server; it is told to end, and ends, with the block."""
    # With its protocol, so that asyncio sends answers at once (TCP_NODELAY).
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(create_app(settings), **protocol.OPTIONS)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    # The socket listens: the first request waits until the server is ready for it.
    live = Live(f"http://127.0.0.1:{listening.getsockname()[1]}", settings)
    try:
        with live.client(None) as client:
            client.get("/health").raise_for_status()
        yield live
    finally:
        live.close()
        server.should_exit = True
        thread.join()


def run_of(client: httpx.Client, path: str = "alice/vision/run-1") -> dict[str, Any]:
    """Open an experiment at ``namespace/project/name`` and return the answer."""
    namespace, project, name = path.split("/")
    body = {"type": "EXPERIMENT", "name": name, "parentId": "ROOT", "projectSlug": project}
    reply = client.post(f"/api/namespaces/{namespace}/nodes", json=body)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def experiment_of(client: httpx.Client, path: str = "alice/vision/run-1") -> str:
    """Open an experiment and return the beginning of its paths."""
    return f"/api/experiments/{run_of(client, path)['experiment']['id']}"
