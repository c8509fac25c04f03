"""The project that a command is about, as ``[NAMESPACE/]PROJECT``."""

from __future__ import annotations

import click


def split_project(text: str) -> tuple[str | None, str]:
    """Return namespace, None if it is not given, and project.

    Raises:
        UsageError: there are more parts than two, or an empty one (click's).
    """
    parts = text.strip("/").split("/")
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise click.UsageError(
            f"{text!r} names no project: give PROJECT or NAMESPACE/PROJECT, as in alice/vision."
        )
    return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])
