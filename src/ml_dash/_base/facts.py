"""The structured fields of log records: one vocabulary, whatever the message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_dash.exceptions import MLDashError

__all__ = ["about"]


def about(operation: str, error: BaseException | None = None, /, **facts: object) -> dict[str, Any]:
    """Return the fields (``extra``) of a log record.

    Args:
        operation: What was being done, in words, as in "reading a document".
        error: What was met; an error of ours brings its code and its facts.
        **facts: What the record is about: ``path``, ``run``, ``stream``, ``key``, ``count`` ...
    """
    context = {name: str(fact) if isinstance(fact, Path) else fact for name, fact in facts.items()}
    fields: dict[str, Any] = {"ml_dash_operation": operation}
    if isinstance(error, MLDashError):
        fields["ml_dash_code"] = error.code
        context = {**error.context, **context}
    return {**fields, "ml_dash_context": context}
