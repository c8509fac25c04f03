"""Taking away what nothing refers to any more: bytes of files, and old answers under keys."""

from __future__ import annotations

import logging
from collections.abc import Collection

from ml_dash._base.facts import about
from ml_dash.server import blobs
from ml_dash.server.parts import Parts
from ml_dash.server.records import files, keys
from ml_dash.server.upkeep.recurring import Recurring

BYTES_EVERY_S = 6 * 3600.0
KEYS_EVERY_S = 600.0

_BYTES = "collecting bytes that no file refers to"
_KEYS = "forgetting old answers under idempotency keys"
_log = logging.getLogger("ml_dash.server.upkeep")


def recurring(parts: Parts) -> list[Recurring]:
    """Return what a running server does from time to time."""
    return [
        Recurring(_BYTES, BYTES_EVERY_S, lambda: collect(parts)),
        Recurring(_KEYS, KEYS_EVERY_S, lambda: forget_keys(parts)),
    ]


def collect(parts: Parts, older_than_s: float = blobs.A_DAY_S) -> blobs.Collected:
    """Take away what no file refers to; see :func:`ml_dash.server.blobs.collect`."""

    def referenced(digests: Collection[str]) -> set[str]:
        with parts.database.read() as connection:
            return files.referenced(connection, digests)

    done = blobs.collect(parts.blobs, referenced, older_than_s)
    _log.info(
        "Collected: %d trashed, %d removed", len(done.trashed), len(done.removed),
        extra=about(_BYTES, count=len(done.removed)),
    )  # fmt: skip
    return done


def forget_keys(parts: Parts) -> int:
    """Forget answers under keys that are too old; return how many."""
    kept_days, gone = parts.settings.key_days, 0
    while kept_days > 0:
        with parts.database.write() as connection:  # a short one each: writers wait for it
            some = keys.forget(connection, kept_days)
        gone += some
        if not some:
            break
    if gone:
        _log.info("Forgot %d answers under keys", gone, extra=about(_KEYS, count=gone))
    return gone
