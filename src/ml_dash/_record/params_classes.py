"""The settings that a class holds: plain classes and those of params-proto.

params-proto is recognised by where its classes come from and is never imported. Its classes answer
to their current values: those set on the class, on the command line or in the environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def from_params_proto(cls: type) -> bool:
    """Return whether a type is params-proto's own, or derived from one of its types."""
    return any(base.__module__.partition(".")[0] == "params_proto" for base in cls.__mro__)


def is_proto_class(value: Any) -> bool:
    """Return whether ``value`` is a class that params-proto manages."""
    return isinstance(value, type) and from_params_proto(type(value))


def own_values(cls: type) -> dict[str, Any]:
    """Return the settings in a plain class's own body."""
    return _settings(vars(cls).items())


def proto_values(owner: Any) -> dict[str, Any]:
    """Return the current values of a params-proto class, function or instance."""
    if not isinstance(owner, type):
        is_instance = from_params_proto(type(type(owner)))
        return _settings((vars(owner) if is_instance else dict(owner)).items())
    # Release 3 lists current values when iterated, release 2 shows them as vars. Fields without a
    # value are in vars only, as None.
    readable: Any = owner
    listed = dict(readable) if hasattr(type(owner), "__iter__") else {}
    names = [name for name in {**listed, **vars(owner)} if not name.startswith("_")]
    return _settings((name, getattr(owner, name)) for name in names)


def _settings(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in list(items) if _is_setting(name, value)}


def _is_setting(name: str, value: Any) -> bool:
    """Return whether an attribute is a setting: public, and neither code nor a descriptor."""
    if name.startswith("_"):
        return False
    is_code = callable(value) or hasattr(type(value), "__get__")
    return is_proto_class(value) or not is_code
