"""What programs may use of ml-dash: its types, what their members are, and what of it changes."""

from __future__ import annotations

from typing import Final

from ml_dash.flags import TABLE, Api, Flag
from ml_dash.migrate.kinds import Kind, Known, giving, thing

PACKAGE: Final = "ml_dash"

_CLASSES: Final = {
    "Experiment": ("", "experiment"), "RemoteClient": ("", "client", "experiment"),
    "LocalStorage": ("", "storage", "experiment"), "Config": ("config",),
    "UserInfo": ("client",), "PlaintextFileStorage": ("auth", "auth.token_storage"),
    "ParametersBuilder": ("", "params"), "LogBuilder": ("", "log"), "RUN": ("", "run"),
    "MetricsManager": ("metric",), "MetricBuilder": ("metric",), "SummaryCache": ("metric",),
    "TracksManager": ("track",), "TrackBuilder": ("track",),
    "FilesAccessor": ("files",), "FileBuilder": ("files",), "BindrsBuilder": ("files",),
}  # fmt: skip
_VALUES: Final = {
    ("", "userinfo"): "UserInfo", ("client", "userinfo"): "UserInfo",
    ("", "dxp"): "Experiment", ("", "rdxp"): "Experiment", ("auto_start", "dxp"): "Experiment",
    ("remote_auto_start", "rdxp"): "Experiment", ("config", "config"): "Config",
}  # fmt: skip
_FUNCTIONS: Final = {
    ("", "ml_dash_experiment"), ("experiment", "ml_dash_experiment"),
    ("auth.token_storage", "decode_jwt_payload"),
}  # fmt: skip
_MODULES: Final = frozenset({
    "auth", "auth.exceptions", "auth.token_storage", "auto_start", "client", "config",
    "exceptions", "experiment", "files", "log", "metric", "params", "remote_auto_start", "run",
    "storage", "track",
})  # fmt: skip
NAMES: Final = tuple(sorted({name for name, places in _CLASSES.items() if "" in places} | {
    name for place, name in _VALUES if not place} - {"dxp", "rdxp"} | {"ml_dash_experiment"}
))  # fmt: skip
"""What ``from ml_dash import *`` brings that matters here."""

MEMBERS: Final = {
    ("Experiment", "run"): thing("RUN"),
    ("Experiment", "params"): thing("ParametersBuilder"),
    ("Experiment", "logs"): thing("LogBuilder"),
    ("Experiment", "metrics"): thing("MetricsManager"),
    ("Experiment", "tracks"): thing("TracksManager"),
    ("Experiment", "files"): thing("FilesAccessor"),
    ("Experiment", "bindrs"): giving(thing("BindrsBuilder")),
    ("RUN", "start"): giving(thing("Experiment")),
    ("RUN", "__enter__"): giving(thing("Experiment")),
    ("MetricBuilder", "summary_cache"): thing("SummaryCache"),
    ("MetricBuilder", "buffer"): giving(thing("MetricBuilder")),
    ("ParametersBuilder", "set"): giving(thing("ParametersBuilder")),
}
"""The kind of a member of a type."""

CALLED: Final = {
    "MetricsManager": thing("MetricBuilder"), "TracksManager": thing("TrackBuilder"),
    "FilesAccessor": thing("FileBuilder"),
}  # fmt: skip
"""What calling an object of a type gives."""

ENTERED: Final = {
    "RUN": thing("Experiment"), "RemoteClient": thing("RemoteClient"),
    "Experiment": thing("Experiment"),
}  # fmt: skip
"""What ``with`` gives."""

RENAMED: Final = {"remote": "dash_url", "local_path": "dash_root"}
"""Arguments of ``Experiment`` that have other names now."""

MOVED_ID: Final = "MLD000"
"""What stands for a flag where a name has only moved: the old one may go on working."""

_ERRORS: Final = "ml_dash.exceptions"
MOVED: Final = {
    "ml_dash": {
        "dxp": ("ml_dash.auto_start", "dxp"), "rdxp": ("ml_dash.remote_auto_start", "rdxp"),
        "MlDashError": ("ml_dash", "MLDashError"), "StorageError": (_ERRORS, "StoreError"),
        "ExperimentError": (_ERRORS, "StateError"),
    },
    "ml_dash.exceptions": {
        "MlDashError": (_ERRORS, "MLDashError"), "StorageError": (_ERRORS, "StoreError"),
        "ExperimentError": (_ERRORS, "StateError"),
    },
    "ml_dash.auth": {}, "ml_dash.auth.exceptions": {},
    "ml_dash.experiment": {
        "RemoteClient": ("ml_dash", "RemoteClient"), "LocalStorage": ("ml_dash", "LocalStorage"),
        "RUN": ("ml_dash", "RUN"),
    },
}  # fmt: skip
"""By module, names of 0.5 and 0.6 that have another home or name now."""

for _name in ("AuthenticationError", "NotAuthenticatedError", "DeviceCodeExpiredError",
              "AuthorizationDeniedError", "TokenExchangeError", "StorageError"):  # fmt: skip
    _new = (_ERRORS, "TokenStoreError" if _name == "StorageError" else _name)
    MOVED["ml_dash.auth"][_name] = MOVED["ml_dash.auth.exceptions"][_name] = _new


def member_of_module(module: str, name: str) -> Known:
    """Return the kind of a name of one of our modules; None for one that says nothing.

    Args:
        module: As imported, such as ``ml_dash.client``.
        name: The name.
    """
    place = module.removeprefix(PACKAGE).lstrip(".")
    if name in _CLASSES and place in _CLASSES[name]:
        return Kind("class", name)
    if (place, name) in _VALUES:
        return thing(_VALUES[(place, name)])
    if (place, name) in _FUNCTIONS:
        return Kind("function", name)
    below = f"{place}.{name}".lstrip(".")
    return Kind("module", f"{PACKAGE}.{below}") if below in _MODULES else None


def _rows() -> dict[tuple[str, str], tuple[Flag, Api]]:
    found = {}
    for flag in TABLE:
        for api in flag.apis:
            owner, _, name = api.name.rpartition(".")
            if api.is_member:
                found[("UserInfo" if owner == "userinfo" else owner, name)] = flag, api
    found[("FilesAccessor", "list")] = found[("FileBuilder", "list")]
    return found


CHANGED: Final = _rows()
"""By type and name, the members whose answer changes and that have a sibling."""

CHANGED_FUNCTIONS: Final = {
    (f"{PACKAGE}.{module}", api.name): (flag, api)
    for flag in TABLE for api in flag.apis for module, name in _FUNCTIONS if api.name == name
}  # fmt: skip
"""By module and name, the functions whose answer changes."""

PAGES: Final = frozenset({
    "MetricBuilder.read", "TrackBuilder.read", "TrackBuilder.list_entries",
    "LocalStorage.read_metric_data", "LocalStorage.read_track_data",
})  # fmt: skip
"""What answers an empty page where nothing is there, and has a sibling that raises then."""

CHANGED_NAMES: Final = frozenset(name for _, name in CHANGED)

DISTINCT: Final = {
    name: row for (owner, name), row in CHANGED.items()
    if (owner == "RemoteClient" and name.endswith("_graphql"))
    or name in ("get_project_id", "list_entries")
}  # fmt: skip
"""By name, members that hardly anything but ml-dash has."""
