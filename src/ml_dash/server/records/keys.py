"""What was answered to requests with an ``Idempotency-Key``, for as long as they may come again.

A key ends in ``first-last``, the numbers of its records in their stream. Of answers that are older
than the age that the server keeps them for, the newest of each stream stays: it is exactly the one
that a client may still wait for, since it sends a stream in order. By it a repeat of one that is
gone is known, too, and refused: it would double records.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from ml_dash.server.errors import ForgottenError
from ml_dash.server.ids import now_ms
from ml_dash.server.tables import applied
from ml_dash.server.upsert import insert_all_new

A_DAY_MS = 86_400_000
_AT_ONCE = 1000
_NOTE = (
    update(applied).where(applied.c.digest == bindparam("taken")).values(reply=bindparam("told"))
)
_RANGE = re.compile(r"(.+)/(\d{1,18})-(\d{1,18})", re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class Key:
    """The name of a request.

    Attributes:
        digest: Of its path and its key.
        stream: Digest of its path and its key without the numbers; None when it has none.
        first: Number of its first record in the stream.
        last: Number of its last one.
    """

    digest: str
    stream: str | None = None
    first: int = 0
    last: int | None = None


def named(path: str, text: str) -> Key:
    """Return the key of a request to a path."""
    digest = _digest(path, text)
    found = _RANGE.fullmatch(text)
    if found is None:
        return Key(digest)
    return Key(digest, _digest(path, found[1]), int(found[2]), int(found[3]))


def take(connection: Connection, key: Key, experiment_id: int, kept_days: float) -> str | None:
    """Return the answer to an earlier request of this name; see :func:`take_all`."""
    return take_all(connection, [key], experiment_id, kept_days).get(key.digest)


def take_all(
    connection: Connection, keys: Sequence[Key], experiment_id: int, kept_days: float
) -> dict[str, str]:
    """Return the answers to earlier requests of these names, by digest.

    Where one of these requests is at work in another transaction, this waits for its end.

    Args:
        connection: An open write transaction.
        keys: The requests' names, each once, in an order that is the same in all requests, so that
            two never wait for each other.
        experiment_id: What they are sent to.
        kept_days: How long answers are kept; 0 is for ever.

    Raises:
        ForgottenError: so old a request may have been carried out, and nobody knows any more.
    """
    if not keys:
        return {}
    now = now_ms()
    rows = [
        {"digest": key.digest, "experiment_id": experiment_id, "reply": "", "applied_ms": now,
         "stream": key.stream, "last": key.last} for key in keys
    ]  # fmt: skip
    new = insert_all_new(connection, applied, rows)
    if kept_days > 0:
        _refuse_forgotten(connection, [key for key in keys if key.digest in new], kept_days)
    return known(connection, [key.digest for key in keys if key.digest not in new])


def known(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """Return the answers to those of some requests that were carried out, by digest."""
    if not digests:
        return {}
    found = select(applied.c.digest, applied.c.reply).where(applied.c.digest.in_(digests))
    return {row.digest: row.reply for row in connection.execute(found) if row.reply}


def note(connection: Connection, replies: Mapping[str, str]) -> None:
    """Keep the answers to requests whose names were taken in this transaction, by digest."""
    rows = [{"taken": digest, "told": reply} for digest, reply in replies.items()]
    if rows:
        connection.execute(_NOTE, rows)


def forget(connection: Connection, kept_days: float) -> int:
    """Remove answers that are too old, at most a thousand; return how many."""
    newer = applied.alias()
    before_ms = _before_ms(kept_days)
    overtaken = select(1).where(
        newer.c.stream == applied.c.stream, newer.c.last > applied.c.last,
        newer.c.applied_ms < before_ms,
    )  # fmt: skip
    wanted = select(applied.c.digest).where(
        applied.c.applied_ms < before_ms, or_(applied.c.stream.is_(None), overtaken.exists())
    )
    digests = list(connection.execute(wanted.limit(_AT_ONCE)).scalars())
    connection.execute(delete(applied).where(applied.c.digest.in_(digests)))
    return len(digests)


def _refuse_forgotten(connection: Connection, keys: Sequence[Key], kept_days: float) -> None:
    streams = [key.stream for key in keys if key.stream is not None]
    if not streams:
        return
    old = select(applied.c.stream, func.max(applied.c.last).label("mark")).where(
        applied.c.stream.in_(streams), applied.c.applied_ms < _before_ms(kept_days)
    )
    marks = {row.stream: row.mark for row in connection.execute(old.group_by(applied.c.stream))}
    for key in keys:
        mark = marks.get(key.stream)
        if mark is not None and key.first <= mark:
            raise _forgotten(key, mark, kept_days)


def _forgotten(key: Key, mark: int, kept_days: float) -> ForgottenError:
    return ForgottenError(
        f"Records of this stream up to number {mark} came more than {kept_days:g} days ago, "
        f"and whether {key.first} to {key.last} were among them is not known any more; "
        "nothing was stored",
        hint="Compare the run with what the server has; send what it lacks under another key",
        context={"first": key.first, "last": key.last, "taken_up_to": mark},
    )


def _before_ms(kept_days: float) -> int:
    return now_ms() - int(kept_days * A_DAY_MS)


def _digest(path: str, text: str) -> str:
    # 128 bits are enough to meet no other key, and a row for each request adds up.
    return sha256(f"{path}\n{text}".encode()).hexdigest()[:32]
