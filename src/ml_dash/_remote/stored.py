"""What a server says of a file that it has stored, and whether that is what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_dash._remote import replies
from ml_dash.exceptions import ChecksumMismatchError, InvalidResponseError


def stored_record(
    reply: Any,
    experiment_id: str,
    prefix: str,
    sent: dict[str, str],
    content_type: str,
    size_bytes: int,
) -> dict[str, Any]:
    """Return the record of 0.6 from the server's answer to an upload."""
    node_id = replies.field(reply, "node.id", str, "uploading the file")
    node, physical = reply["node"], replies.part(reply, "physicalFile")
    if physical.get("sizeBytes") is not None:
        size_bytes = _whole(physical["sizeBytes"])
    return {
        "id": node_id,
        "experimentId": str(node.get("experimentId") or experiment_id),
        "path": (prefix or "").strip("/"),
        "filename": sent["name"],
        "description": node.get("description"),
        "tags": node.get("tags") or [],
        "contentType": physical.get("contentType") or content_type,
        "sizeBytes": size_bytes,
        "checksum": str(physical.get("checksum") or sent["checksum"]),
        "metadata": node.get("metadata"),
        "uploadedAt": node.get("createdAt"),
        "updatedAt": node.get("updatedAt"),
        "deletedAt": node.get("deletedAt"),
    }


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise InvalidResponseError(
            f"The server says that the file has {value!r} bytes", context={"field": "sizeBytes"}
        ) from error


def agrees(record: dict[str, Any], checksum: str, size_bytes: int) -> bool:
    """Tell whether the server has what was sent; a size of 0 is not compared."""
    same_size = not size_bytes or record["sizeBytes"] == size_bytes
    return same_size and bool(record["checksum"].lower() == checksum.lower())


def mismatch(
    record: dict[str, Any], checksum: str, size_bytes: int, source: Path
) -> ChecksumMismatchError:
    """Return the error for a file of which the server has something else."""
    return ChecksumMismatchError(
        f"The server does not hold what was sent of {source}: it says {record['sizeBytes']} bytes "
        f"with SHA-256 {record['checksum']}, not {size_bytes} with {checksum}",
        context={
            "path": str(source), "file_id": record["id"], "expected": checksum,
            "actual": record["checksum"],
        },
        kept=f"{source} is untouched",
        hint="The file may have changed while it was sent; upload it again",
    )  # fmt: skip
