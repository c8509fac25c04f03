"""``rdxp``: an experiment that is ready to start, in ``.dash`` and for the configured server.

Importing it reads, opens and connects nothing: the experiment is built when it is first used.

Example:
    >>> from ml_dash.remote_auto_start import rdxp
    >>> from ml_dash import Experiment
    >>> isinstance(rdxp, Experiment)
    True
"""

from __future__ import annotations

import getpass
from typing import Any

from ml_dash._auto_started import AutoStarted

__all__ = ["rdxp"]


def _arguments() -> dict[str, Any]:
    return {"prefix": f"{getpass.getuser()}/scratch/rdxp", "dash_url": True}


rdxp = AutoStarted(_arguments)
