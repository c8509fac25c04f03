"""What a run's folder says of the run itself, and what its server says, in one form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ml_dash._delivery.status import RUNNING
from ml_dash._record import prefix as prefixes

Facts = dict[str, Any]
_NAMES_THERE: Final = {
    "name": "name", "path": "displayPath", "status": "status", "description": "description",
    "tags": "tags", "bindrs": "bindrs", "metadata": "metadata", "write_protected": "writeProtected",
}  # fmt: skip
_EMPTY_IS_NONE: Final = ("description", "tags", "bindrs", "metadata")


@dataclass(frozen=True)
class Difference:
    """A fact that a run's folder and its server tell differently.

    Attributes:
        fact: Its name.
        here: What the folder says.
        there: What the server says; None when it says nothing.
    """

    fact: str
    here: Any
    there: Any


def here(state: Mapping[str, Any], placed: str = "") -> Facts:
    """Return what a state of a run says that the server is to have.

    Args:
        state: The state, as the journal has it.
        placed: Where the run goes on the server, when that is not its own prefix.
    """
    segments = prefixes.split(placed or state["prefix"]).segments
    said = {name: state.get(name) for name in ("description", "tags", "bindrs", "metadata")}
    facts = {name: value for name, value in said.items() if value is not None}
    facts |= {"name": segments[-1], "path": "/".join(segments[2:])}
    facts["status"] = state.get("status") or RUNNING
    if state.get("write_protected"):
        facts["write_protected"] = True
    return facts


def there(answer: Mapping[str, Any]) -> Facts:
    """Return what a server says of a run; one of 0.6 does not tell every fact."""
    return {name: answer[told] for name, told in _NAMES_THERE.items() if told in answer}


def differences(here: Facts, there: Facts) -> tuple[Difference, ...]:
    """Return what differs of the facts that both tell."""
    found = [Difference(name, here[name], there[name]) for name in here if name in there]
    return tuple(each for each in found if _form(each.here, each) != _form(each.there, each))


def _form(value: Any, of: Difference) -> Any:
    """Return a fact in the form in which it is compared."""
    if of.fact == "tags" or of.fact == "bindrs":
        value = list(dict.fromkeys(value or ()))  # a server keeps each once
    if of.fact in _EMPTY_IS_NONE and not value:
        return None
    return canonical(value)


def canonical(value: Any) -> Any:
    """Return a value in one form, however a database spells its numbers."""
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(each) for each in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() else value
    return value
