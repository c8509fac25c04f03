"""Bytes in an object store that speaks S3's protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError

from ml_dash.server.blobs.places import Stored

if TYPE_CHECKING:
    from obstore.store import S3Store

BLOCK_BYTES = 1 << 20
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4
PUTS_AT_ONCE = 16


class Bucket:
    """A place in a bucket.

    Args:
        bucket: Its name.
        prefix: What the names of all objects begin with; may be empty.
        incoming: A folder on this machine for what is being uploaded.
        options: Settings of the client: ``endpoint``, ``region``, ``access_key_id``,
            ``secret_access_key``; what is not given is taken from ``AWS_*``.
    """

    def __init__(
        self, bucket: str, prefix: str, incoming: Path, options: Mapping[str, str]
    ) -> None:
        from obstore.store import S3Store

        self.incoming = incoming
        incoming.mkdir(parents=True, exist_ok=True)
        plain = options.get("endpoint", "").startswith("http://")
        settings: dict[str, Any] = dict(options)
        self._store: S3Store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={"allow_http": plain},
            # A request of a client waits for this: less than the 30 s that clients wait.
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
            **settings,
        )

    def adopt(self, source: Path, name: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(name):
            obstore.put(
                self._store, name, source, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
            )

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""

        def put(name: str) -> None:
            with _as_os_errors(name):
                obstore.put(self._store, name, contents[name])

        with ThreadPoolExecutor(PUTS_AT_ONCE) as pool:
            list(pool.map(put, contents))

    def look(self, name: str) -> Stored | None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(name):
            try:
                return _stored(obstore.head(self._store, name))
            except FileNotFoundError:
                return None

    def read(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(name):
            found = obstore.get(self._store, name, options={"range": (start, stop)})
            return _blocks(name, iter(found.stream(min_chunk_size=BLOCK_BYTES)))

    def stored(self, prefix: str) -> Iterator[Stored]:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(prefix):
            for page in obstore.list(self._store, prefix or None):
                yield from map(_stored, page)

    def move(self, name: str, new: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(name):
            obstore.copy(self._store, name, new)
            obstore.delete(self._store, name)

    def remove(self, name: str) -> None:
        """See :class:`~ml_dash.server.blobs.places.Place`."""
        with _as_os_errors(name):
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return


def _stored(found: Any) -> Stored:
    return Stored(found["path"], found["size"], found["last_modified"].timestamp())


def _blocks(name: str, stream: Iterator[Any]) -> Iterator[bytes]:
    with _as_os_errors(name):
        for block in stream:
            yield bytes(block)


@contextmanager
def _as_os_errors(name: str) -> Iterator[None]:
    """Let what the client raises look like what a folder raises."""
    try:
        yield
    except BaseError as error:
        what = str(error).partition("\n\nDebug source")[0]
        raise OSError(f"The object store failed at {name!r}: {what}") from error
