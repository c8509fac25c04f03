"""What is shown of addresses and answers: no password and no token."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ml_dash.exceptions import ConfigurationError

_SHORTEST_SECRET = 6  # a shorter one is part of many words, and no token
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\"\\]+")


def redacted(text: str, secret: str = "") -> str:
    """Return a text without the token and without what looks like one."""
    if len(secret) >= _SHORTEST_SECRET:
        text = text.replace(secret, "[secure]")
    return _CREDENTIALS.sub(r"\1 [secure]", text)


def shown_url(url: str) -> str:
    """Return a URL without its query, fragment and credentials."""
    head, sep, rest = url.split("?")[0].split("#")[0].partition("://")
    if not sep:
        return head
    authority, slash, path = rest.partition("/")
    return f"{head}://{authority.rpartition('@')[2]}{slash}{path}"


def checked_url(url: str) -> str:
    """Return a server's URL without a trailing slash.

    Raises:
        ConfigurationError: it is none of an HTTP server, or carries credentials.
    """
    shown = shown_url(url) if isinstance(url, str) else repr(url)
    hint = "Give a URL like https://host or http://host:port"
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")  # fails for what cannot be looked up
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and url.isprintable() and " " not in url
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{shown} is not a URL", hint=hint) from error
    if not usable:
        raise ConfigurationError(f"{shown!r} is not the URL of an HTTP server", hint=hint)
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            f"The server's URL {shown} has a user name, a query or a fragment",
            hint="Give the URL alone, and the token as api_key or in ML_DASH_TOKEN",
        )
    return url.rstrip("/")
