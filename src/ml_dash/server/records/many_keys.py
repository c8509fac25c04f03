"""Answers under the keys of many small things in one request; see :mod:`.keys`.

These keys belong to no stream: what they name is made anew or found by its name, so that doing it
once more, when its answer is forgotten, doubles nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select, update

from ml_dash.server.ids import now_ms
from ml_dash.server.tables import applied
from ml_dash.server.upsert import upsert_many


def known(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Return the answers to those of some requests that were carried out."""
    if not digests:
        return {}
    wanted = applied.c.digest.in_(digests) & (applied.c.reply != "")
    return dict(connection.execute(select(applied.c.digest, applied.c.reply).where(wanted)).all())


def take_all(
    connection: Connection, digests: Collection[str], experiment_id: int
) -> dict[str, str]:
    """Take names of requests, and return the answers to those that were carried out before.

    Where one of them is at work in another transaction, this waits for its end.

    Args:
        connection: An open write transaction.
        digests: The names, as :attr:`~ml_dash.server.records.keys.Key.digest`.
        experiment_id: What they are sent to.
    """
    if not digests:
        return {}
    now = now_ms()
    # In one order, so that two requests never wait for each other.
    rows = [
        {"digest": digest, "experiment_id": experiment_id, "reply": "", "applied_ms": now}
        for digest in sorted(digests)
    ]
    upsert_many(connection, applied, [applied.c.digest], rows, changes=())
    return known(connection, digests)


def note_all(connection: Connection, replies: Mapping[str, str]) -> None:
    """Keep answers to requests whose names were taken in this transaction."""
    if replies:
        own = update(applied).where(applied.c.digest == bindparam("name"))
        rows = [{"name": digest, "text": reply} for digest, reply in replies.items()]
        connection.execute(own.values(reply=bindparam("text")), rows)
