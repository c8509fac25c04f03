"""The server's log: one line for each event, as text or as JSON, to stderr."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone

from ml_dash._record import codec

_OURS = "ml_dash_"


class JsonLines(logging.Formatter):
    """Formats records as objects: time, level, logger, message, and what they carry of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line of JSON."""
        facts = {
            name[len(_OURS) :]: value
            for name, value in record.__dict__.items()
            if name.startswith(_OURS)
        }
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage(), **facts,
        }  # fmt: skip
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return codec.encode(line).decode()


class TextLines(logging.Formatter):
    """Formats records for people; ids of requests stand at the end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line, and its traceback below."""
        request_id = getattr(record, "ml_dash_context", {}).get("request_id")
        text = super().format(record)
        # Paths of requests are from outside: no line of theirs looks like one of ours.
        head, line, rest = text.partition("\n")
        return f"{head} [{request_id}]{line}{rest}" if request_id else text


def configure(form: str) -> None:
    """Set up the log of a server process.

    Args:
        form: ``json`` or ``text``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    for name in ("ml_dash", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
