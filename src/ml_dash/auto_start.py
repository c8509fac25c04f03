"""``dxp``: an experiment that is ready to start, recorded for the configured server.

Importing it reads, opens and connects nothing: the experiment is built when it is first used, and
the name of the logged-in user is looked up when it is first started.

Example:
    >>> from ml_dash.auto_start import dxp
    >>> from ml_dash import Experiment
    >>> isinstance(dxp, Experiment)
    True
"""

from __future__ import annotations

import getpass
import os
from typing import Any

from ml_dash._auto_started import AutoStarted

__all__ = ["dxp"]


def _arguments() -> dict[str, Any]:
    user = os.environ.get("ML_DASH_USER") or getpass.getuser()
    return {"user": user, "dash_url": True, "dash_root": None}


def _logged_in_user() -> str:
    from ml_dash.client import userinfo

    return str(userinfo.fetch_or_raise()["username"] or getpass.getuser())


dxp = AutoStarted(_arguments, _logged_in_user)
