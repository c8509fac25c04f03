"""What programs may use of ml-dash: its types, what their members are, and what of it changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ml_dash.flags import TABLE, Api, Flag

MODULE: Final = "module:"
CLASS: Final = "class:"

_CLASSES: Final = {
    "Experiment": ("", "experiment"), "RemoteClient": ("", "client"),
    "LocalStorage": ("", "storage"), "Config": ("config",),
    "PlaintextFileStorage": ("auth", "auth.token_storage"),
}  # fmt: skip
_VALUES: Final = {
    ("", "userinfo"): "UserInfo", ("client", "userinfo"): "UserInfo",
    ("", "dxp"): "Experiment", ("", "rdxp"): "Experiment", ("auto_start", "dxp"): "Experiment",
    ("remote_auto_start", "rdxp"): "Experiment",
}  # fmt: skip

MEMBERS: Final = {
    ("Experiment", "run"): "RunManager",
    ("Experiment", "params"): "ParametersBuilder",
    ("Experiment", "metrics"): "MetricsManager",
    ("Experiment", "tracks"): "TracksManager",
    ("Experiment", "files"): "FilesAccessor",
    ("Experiment", "bindrs"): "BindrsAccessor",
}
"""The type of a member of a type."""

CALLED: Final = {
    "MetricsManager": "MetricBuilder", "TracksManager": "TrackBuilder",
    "FilesAccessor": "FileBuilder", "BindrsAccessor": "BindrsBuilder",
}  # fmt: skip
"""What calling a value of a type gives."""

ENTERED: Final = {
    "RunManager": "Experiment", "RemoteClient": "RemoteClient", "Experiment": "Experiment",
}  # fmt: skip
"""What ``with`` gives."""

RENAMED: Final = {"remote": "dash_url", "local_path": "dash_root"}
"""Arguments of ``Experiment`` that have other names now."""


def member_of_module(module: str, name: str) -> str | None:
    """Return the type of a name of one of our modules; None for one that says nothing.

    Args:
        module: As imported, such as ``ml_dash.client``.
        name: The name.
    """
    place = module.removeprefix("ml_dash").lstrip(".")
    if name in _CLASSES and place in _CLASSES[name]:
        return CLASS + name
    found = _VALUES.get((place, name))
    if found is not None:
        return found
    whole = f"{module}.{name}"
    known = {f"ml_dash.{each}" for places in _CLASSES.values() for each in places if each}
    known |= {f"ml_dash.{place}" for place, _ in _VALUES if place} | {"ml_dash.auth"}
    return MODULE + whole if whole in known else None


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

DISTINCT: Final = frozenset(
    name for (owner, name) in CHANGED if owner == "RemoteClient" and name.endswith("_graphql")
) | {"get_project_id", "list_entries"}
"""Names of members that hardly anything but ml-dash has."""

FLAG_OF_ARGUMENTS: Final = next(flag for flag in TABLE if flag.name == "arguments_checked")


@dataclass
class Knowledge:
    """What is known of a project's own names.

    Attributes:
        returns: The type that a function gives, by module and name.
        attributes: The types of attributes, by module, class and name.
    """

    returns: dict[tuple[str, str], str] = field(default_factory=dict)
    attributes: dict[tuple[str, str, str], str] = field(default_factory=dict)
