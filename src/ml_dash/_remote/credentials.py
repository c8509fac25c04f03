"""The token of a server: given, from the environment, or stored by ``ml-dash login``."""

from __future__ import annotations

import os
from typing import Final

from ml_dash.exceptions import NotAuthenticatedError

TOKEN: Final = "ML_DASH_TOKEN"
"""The token for the server; wins over a stored one."""


class Credentials:
    """Finds the token when it is first needed, and keeps it.

    Args:
        url: The server.
        given: The token, if the caller has one.
    """

    def __init__(self, url: str, given: str | None) -> None:
        self.given = given
        self._url = url
        self._stored: str | None = None

    def find(self) -> str | None:
        """Return the token, or None if there is none.

        Raises:
            TokenStoreError: the store of tokens cannot be read.
        """
        token = self.given or os.environ.get(TOKEN)
        if token:
            return token.strip()
        if self._stored is None:
            # Read through the module: scripts of 0.6 put their own store in its place.
            from ml_dash.auth import token_storage

            self._stored = token_storage.load_token(self._url)
        return self._stored

    def require(self) -> str:
        """Return the token.

        Raises:
            NotAuthenticatedError: there is none.
            TokenStoreError: the store of tokens cannot be read.
        """
        token = self.find()
        if token:
            return token
        raise NotAuthenticatedError(
            f"There is no token for the server {self._url}",
            context={"url": self._url},
            hint="Run `ml-dash login`, set ML_DASH_TOKEN, or give api_key",
        )

    def forget(self) -> None:
        """Look into the store again next time, for instance after a new login."""
        self._stored = None

    def __repr__(self) -> str:
        return f"<Credentials for {self._url}>"
