"""How things look to clients: ids as text, times in ISO 8601."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any


def moment(ms: int | None) -> str | None:
    """Return a time as clients read it; None for none."""
    if ms is None:
        return None
    text = datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def number(value: int | None) -> str | None:
    """Return an id as clients read it; None for none."""
    return None if value is None else str(value)


def project(row: Any) -> dict[str, Any]:
    """Return a project."""
    return {
        "id": str(row.id), "slug": row.slug, "name": row.name, "description": row.description,
        "tags": row.tags, "createdAt": moment(row.created_ms),
    }  # fmt: skip


def node(row: Any) -> dict[str, Any]:
    """Return a node; a file has its physicalFile, and others no such key."""
    shown = {
        "id": str(row.id), "type": row.type, "name": row.name,
        "parentId": number(row.parent_id or None), "experimentId": number(row.experiment_id),
        "projectId": str(row.project_id), "pPath": row.path, "description": row.description,
        "tags": row.tags, "metadata": row.metadata, "createdAt": moment(row.created_ms),
        "updatedAt": moment(row.updated_ms), "deletedAt": moment(row.deleted_ms),
    }  # fmt: skip
    if row.type == "FILE":
        shown["physicalFile"] = physical_file(row)
    return shown


def physical_file(row: Any) -> dict[str, Any]:
    """Return what is known of a file's bytes."""
    return {
        "id": str(row.id), "filename": row.name, "contentType": row.content_type,
        "sizeBytes": str(row.size_bytes), "checksum": row.sha256, "s3Url": None,
    }  # fmt: skip


def experiment(row: Any) -> dict[str, Any]:
    """Return an experiment."""
    return {
        "id": str(row.id), "projectId": str(row.project_id), "name": row.name,
        "displayPath": row.path, "description": row.description, "tags": row.tags,
        "bindrs": row.bindrs, "metadata": row.metadata, "writeProtected": row.write_protected,
        "status": row.status, "startedAt": moment(row.started_ms),
        "endedAt": moment(row.ended_ms), "lastSeenAt": moment(row.last_seen_ms),
        "createdAt": moment(row.created_ms), "updatedAt": moment(row.updated_ms),
    }  # fmt: skip


def report(row: Any) -> dict[str, Any]:
    """Return what a writer of a run said of its delivery."""
    return {"writer": row.writer, "streams": row.report, "toldAt": moment(row.told_ms)}


def log_line(row: Any) -> dict[str, Any]:
    """Return a log line."""
    return {
        "id": f"{row.experiment_id}-{row.sequence}", "sequenceNumber": row.sequence,
        "timestamp": row.timestamp, "level": row.level, "message": row.message,
        "metadata": row.metadata,
    }  # fmt: skip


def point(found: Any) -> dict[str, Any]:
    """Return a point of a metric."""
    return {"index": str(found.index), "data": found.data, "createdAt": moment(found.at_ms)}
