"""Bytes of files, stored once under their SHA-256, in a folder or in an object store."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_dash.exceptions import ConfigurationError
from ml_dash.server.blobs.care import A_DAY_S, Checked, Collected, check, collect
from ml_dash.server.blobs.folder import Folder
from ml_dash.server.blobs.partial import Partials, Piece
from ml_dash.server.blobs.store import Blob, BlobStore, Intake

__all__ = [
    "A_DAY_S", "Blob", "BlobStore", "Checked", "Collected", "Intake", "Partials", "Piece",
    "check", "collect", "open_store",
]  # fmt: skip

_OPTIONS = {"endpoint", "region", "access_key_id", "secret_access_key"}


def open_store(where: str | Path, incoming: Path | None = None) -> BlobStore:
    """Open a store of bytes.

    Args:
        where: A folder, ``file:///folder``, or ``s3://bucket/prefix`` with, after a ``?``, any of
            ``endpoint`` (for stores other than Amazon's) and ``region``; keys come from ``AWS_*``.
        incoming: A folder on this machine for what is being uploaded to a bucket; one of the
            system's temporary folder, when omitted.

    Raises:
        ConfigurationError: ``where`` is not one of these.
        OSError: the folder cannot be made.
    """
    parts = urlsplit(str(where))
    if isinstance(where, Path) or parts.scheme in ("", "file"):
        path = where if isinstance(where, Path) else Path(unquote(parts.path))
        return BlobStore(Folder(path))
    options = dict(parse_qsl(parts.query))
    if parts.scheme != "s3" or not parts.netloc or not _OPTIONS.issuperset(options):
        raise ConfigurationError(
            f"Files cannot be kept in {parts.scheme}://{parts.netloc}{parts.path}",
            hint="give a folder, or s3://bucket/prefix?endpoint=https://host&region=name",
        )
    from ml_dash.server.blobs.bucket import Bucket

    spool = incoming or Path(tempfile.gettempdir()) / "ml-dash-incoming"
    return BlobStore(Bucket(parts.netloc, parts.path.strip("/"), spool, options))
