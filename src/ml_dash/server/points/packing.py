"""Batches as they wait: compressed lines of JSON, written and read in one go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ml_dash._record import codec
from ml_dash.exceptions import CorruptDataError

_ZSTD = "zstd"
_FAST = 1


def pack(values: Sequence[Any]) -> tuple[bytes, int]:
    """Return values as compressed JSON, and the length of the JSON in bytes.

    Raises:
        SerializationError: a part of a value has no JSON form.
    """
    return compress(codec.encode(list(values)))


def compress(data: bytes) -> tuple[bytes, int]:
    """Return bytes compressed, and how many they were."""
    # A codec of its own for each call: Arrow does not promise that one serves several threads.
    return pa.Codec(_ZSTD, compression_level=_FAST).compress(data, asbytes=True), len(data)


def unpack(payload: bytes, size_bytes: int) -> list[Any]:
    """Return the values that :func:`pack` was given.

    Raises:
        CorruptDataError: the payload is damaged.
    """
    try:
        data = pa.Codec(_ZSTD).decompress(payload, size_bytes, asbytes=True)
        values: list[Any] = codec.decode(data)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CorruptDataError(
            f"A stored batch of {size_bytes} bytes is unreadable: {error}",
            kept="the damaged bytes, as they are in the database",
            hint="restore the database from a backup, or remove the batch",
            cause=error,
        ) from error
    return values
