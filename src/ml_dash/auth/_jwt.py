"""What a token says about its owner, read without checking its signature."""

from __future__ import annotations

import base64
import json
from typing import Any

from ml_dash._base import deprecate
from ml_dash.exceptions import MalformedTokenError


@deprecate.changes("decode_jwt_payload")
def decode_jwt_payload(token: str) -> dict[str, Any]:
    """Return what a token says, unverified; empty, as in 0.6, when it cannot be read."""
    return deprecate.answer(
        deprecate.rules(), "decode_jwt_payload", dict, lambda: decode_jwt_payload_or_raise(token)
    )


def decode_jwt_payload_or_raise(token: str) -> dict[str, Any]:
    """Return what a token says, unverified.

    Args:
        token: Three parts joined by dots.

    Raises:
        MalformedTokenError: it is no JSON Web Token (is an ``AuthenticationError``).
    """
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        raise MalformedTokenError("The token is no JSON Web Token: it has not three parts")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        payload = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):  # ValueError: also what binascii and codecs raise
        # Without the cause: it carries the token.
        raise MalformedTokenError("The token's middle part is no readable JSON") from None
    if not isinstance(payload, dict):
        raise MalformedTokenError("The token's middle part is no JSON object")
    return payload
