"""What was answered to requests with an ``Idempotency-Key``, for as long as they may come again.

A key ends in ``first-last``, the numbers of its records in their stream. Of answers that are older
than the age that the server keeps them for, the newest of each stream stays: it is exactly the one
that a client may still wait for, since it sends a stream in order. By it a repeat of one that is
gone is known, too, and refused: it would double records.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection, delete, func, or_, select, update

from ml_dash.server.errors import ForgottenError
from ml_dash.server.ids import now_ms
from ml_dash.server.tables import applied
from ml_dash.server.upsert import insert_new

A_DAY_MS = 86_400_000
_AT_ONCE = 1000
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
    """Return the answer to an earlier request of this name; None when there was none.

    Where the same request is at work in another transaction, this waits for its end.

    Args:
        connection: An open write transaction.
        key: The request's name.
        experiment_id: What it is sent to.
        kept_days: How long answers are kept; 0 is for ever.

    Raises:
        ForgottenError: so old a request may have been carried out, and nobody knows any more.
    """
    row = {
        "digest": key.digest, "experiment_id": experiment_id, "reply": "", "applied_ms": now_ms(),
        "stream": key.stream, "last": key.last,
    }  # fmt: skip
    if insert_new(connection, applied, row):
        if key.stream is not None and kept_days > 0:
            _refuse_forgotten(connection, key, kept_days)
        return None
    found = select(applied.c.reply).where(applied.c.digest == key.digest)
    return str(connection.execute(found).scalar_one())


def note(connection: Connection, key: Key, reply: str) -> None:
    """Keep the answer to a request whose name was taken in this transaction."""
    own = applied.c.digest == key.digest
    connection.execute(update(applied).where(own).values(reply=reply))


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


def _refuse_forgotten(connection: Connection, key: Key, kept_days: float) -> None:
    old = select(func.max(applied.c.last)).where(
        applied.c.stream == key.stream, applied.c.applied_ms < _before_ms(kept_days)
    )
    mark = connection.execute(old).scalar_one()
    if mark is not None and key.first <= mark:
        raise ForgottenError(
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
