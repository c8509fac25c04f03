"""Fixed names of the login service."""

from __future__ import annotations

from typing import Final

VUER_AUTH_URL: Final = "https://auth.vuer.ai"
"""Where users sign in, unless the configuration names another place."""
CLIENT_ID: Final = "ml-dash-client"
DEFAULT_SCOPE: Final = "openid profile email"
