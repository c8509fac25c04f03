"""JSON Web Tokens of another server: HS256 with a secret, RS256 and EdDSA with published keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from ml_dash.server.errors import UnauthenticatedError, UnavailableError
from ml_dash.server.settings import ServerSettings

_PUBLISHED = ["RS256", "EdDSA"]
_LEEWAY_S = 30


class Jwts:
    """Checks tokens.

    Args:
        settings: The secret, the address of the keys, and what tokens must say.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._keys: jwt.PyJWKClient | None = None
        if settings.jwks_url:
            self._keys = jwt.PyJWKClient(settings.jwks_url, cache_keys=True, timeout=10)

    @property
    def usable(self) -> bool:
        """Whether any token can be valid."""
        return bool(self._settings.jwt_secret) or self._keys is not None

    def claims(self, token: str) -> Mapping[str, Any]:
        """Return what a token says.

        Raises:
            UnauthenticatedError: it is forged, expired, of a kind that is not taken here, or says
                nobody's name.
            UnavailableError: the keys cannot be read now.
        """
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            found = self._decoded(token, algorithm)
        except jwt.PyJWKClientConnectionError as error:
            raise UnavailableError(
                f"The keys of tokens cannot be read from {self._settings.jwks_url}", cause=error
            ) from error
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(
                f"The token is not valid: {error}", hint="Log in again", cause=error
            ) from error
        if not isinstance(found.get("sub"), str) or not found["sub"]:
            raise UnauthenticatedError("The token does not say whose it is (no sub)")
        return found

    def _decoded(self, token: str, algorithm: object) -> dict[str, Any]:
        # The key is chosen by the kind of the token, and each key takes its own kind only.
        if algorithm == "HS256" and self._settings.jwt_secret:
            return self._checked(token, self._settings.jwt_secret, ["HS256"])
        if algorithm in _PUBLISHED and self._keys is not None:
            key = self._keys.get_signing_key_from_jwt(token)
            return self._checked(token, key.key, _PUBLISHED)
        raise jwt.InvalidAlgorithmError(f"tokens of the kind {algorithm!r} are not taken here")

    def _checked(self, token: str, key: Any, algorithms: list[str]) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=self._settings.jwt_audience or None,
            issuer=self._settings.jwt_issuer or None,
            leeway=_LEEWAY_S,
            options={"verify_aud": bool(self._settings.jwt_audience)},
        )
