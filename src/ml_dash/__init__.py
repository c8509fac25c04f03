"""ml-dash: track machine-learning experiments in a folder that keeps everything it accepts.

Where things are::

    Experiment, RUN, dxp ...   what a training script uses
    ml_dash.exceptions         every error, in one tree
    ml_dash.testing            a run for the tests of your own code
    ml_dash.storage            read a folder of runs without an Experiment

Importing this package does no I/O and loads nothing heavy: each name is loaded when first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.7.0"
REQUIRED_VERSION = __version__

_HOME = {
    "Experiment": "experiment",
    "ml_dash_experiment": "experiment",
    "OperationMode": "experiment",
    "RemoteClient": "client",
    "LocalStorage": "storage",
    "LogLevel": "log",
    "LogBuilder": "log",
    "ParametersBuilder": "params",
    "RUN": "run",
    "userinfo": "client",
    "MlDashError": "exceptions",
    "MLDashError": "exceptions",
    "AuthenticationError": "exceptions",
    "ConfigurationError": "exceptions",
    "ExperimentError": "exceptions",
    "NetworkError": "exceptions",
    "StorageError": "exceptions",
    "ErrorHandlingMode": "_base.policy",
    "set_error_mode": "_base.policy",
    "error_mode": "_base.policy",
    "handle_error": "_base.policy",
    "future": "",
}
"""Where each public name lives (PEP 562)."""

__all__ = [
    "Experiment",
    "ml_dash_experiment",
    "OperationMode",
    "RemoteClient",
    "LocalStorage",
    "LogLevel",
    "LogBuilder",
    "ParametersBuilder",
    "RUN",
    "userinfo",
    "MlDashError",
    "MLDashError",
    "AuthenticationError",
    "ConfigurationError",
    "ExperimentError",
    "NetworkError",
    "StorageError",
    "ErrorHandlingMode",
    "set_error_mode",
    "error_mode",
    "handle_error",
    "future",
]

if TYPE_CHECKING:
    from ml_dash import future
    from ml_dash._base.policy import ErrorHandlingMode, error_mode, handle_error, set_error_mode
    from ml_dash.client import RemoteClient, userinfo
    from ml_dash.exceptions import (
        AuthenticationError,
        ConfigurationError,
        ExperimentError,
        MLDashError,
        MlDashError,
        NetworkError,
        StorageError,
    )
    from ml_dash.experiment import Experiment, OperationMode, ml_dash_experiment
    from ml_dash.log import LogBuilder, LogLevel
    from ml_dash.params import ParametersBuilder
    from ml_dash.run import RUN
    from ml_dash.storage import LocalStorage


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'ml_dash' has no attribute {name!r}")
    if not home:  # a module of its own
        return import_module(f"ml_dash.{name}")
    value = getattr(import_module(f"ml_dash.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})


if "ML_DASH_REHEARSAL" in os.environ:  # set by `ml-dash migrate rehearse` for the program it runs
    import_module("ml_dash.migrate.injection").install_from_environment()
