"""Prefixes: ``owner/project/[folder/...]name``, the path of a run below the data root."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from ml_dash.exceptions import PrefixError

_MAX_SEGMENT_BYTES = 255
_MAX_PASSES = 10
_MAX_PLACEHOLDERS = 100
_EXP = re.compile(r"\{EXP\.(\w+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Prefix:
    """The parts of a prefix.

    Attributes:
        owner: First segment; None when there is only one.
        project: Second segment; None when there is only one.
        name: Last segment; None when there is only one.
        segments: All of them.
    """

    owner: str | None
    project: str | None
    name: str | None
    segments: list[str]


def split(prefix: str) -> Prefix:
    """Return the parts of a prefix; slashes at both ends and doubled ones do not count."""
    segments = [segment for segment in prefix.split("/") if segment]
    if len(segments) < 2:
        return Prefix(None, None, None, segments)
    return Prefix(segments[0], segments[1], segments[-1], segments)


def check(prefix: str) -> list[str]:
    """Return the segments of a prefix that is a safe path below a root.

    Raises:
        PrefixError: it is empty, leaves the root, or no file system could hold it.
    """
    if not isinstance(prefix, str):
        raise _wrong(prefix, f"is no text but {type(prefix).__name__}")
    segments = split(prefix).segments
    if not segments:
        raise _wrong(prefix, "is empty")
    for segment in segments:
        # A backslash separates folders for whoever reads the tree on Windows.
        if segment == "." or ".." in segment.split("\\"):
            raise _wrong(prefix, f"has the segment {segment!r}, which would leave the data root")
        if _CONTROL.search(segment):
            raise _wrong(prefix, f"has a control character in {segment!r}")
        if len(segment.encode("utf-8", "surrogatepass")) > _MAX_SEGMENT_BYTES:
            raise _wrong(prefix, f"has a segment of more than {_MAX_SEGMENT_BYTES} bytes")
        if any("\ud800" <= char <= "\udfff" for char in segment):
            raise _wrong(prefix, f"has half a character in {segment!r}")
    return segments


def _wrong(prefix: object, what: str) -> PrefixError:
    return PrefixError(
        f"The prefix {prefix!r} {what}",
        hint="Write it as 'owner/project/name', with folders between project and name if you like",
        context={"prefix": prefix},
    )


def expand_exp(
    template: str, value_of: Callable[[str], Any], usable: Iterable[str] = ("id", "date")
) -> str:
    """Replace each ``{EXP.attribute}`` by the text of that attribute.

    Args:
        template: The prefix.
        value_of: Gives an attribute's value; None when it has none.
        usable: Names for the error to offer.

    Raises:
        PrefixError: there is no such attribute, or it has no value yet (is an ``AttributeError``).
    """

    def text(match: re.Match[str]) -> str:
        name = match.group(1)
        value = value_of(name)
        if value is None:
            raise PrefixError(
                f"The prefix {template!r} uses {{EXP.{name}}}, but the run has no {name!r} (yet)",
                hint="Use one of: " + ", ".join(f"{{EXP.{name}}}" for name in sorted(usable)),
                context={"prefix": template, "placeholder": name},
            )
        return str(value)

    return _EXP.sub(text, template)


class _Known(dict[str, Any]):
    """What placeholders may name; some values are looked up only when one does."""

    def __init__(
        self, values: Mapping[str, Any], on_demand: Mapping[str, Callable[[], Any]]
    ) -> None:
        super().__init__(values)
        self.on_demand = on_demand

    def __missing__(self, name: str) -> Any:
        return self.on_demand[name]()

    def names(self) -> list[str]:
        return sorted(name for name in {*self, *self.on_demand} if not name.startswith("_"))


def expand(fields: Mapping[str, Any], on_demand: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return fields with the placeholders of their texts replaced by each other's values.

    Args:
        fields: Values by name; only texts with a ``{`` are expanded, in at most ten passes.
        on_demand: Further values that placeholders may name, each made when one does.

    Raises:
        PrefixError: a placeholder names no field, its format does not fit, or the texts grow
            without end (is a ``KeyError``).
    """
    done = dict(fields)
    for _ in range(_MAX_PASSES):
        if "{" not in str(done.get("prefix")):
            break
        known = _Known(done, on_demand)
        done = {
            name: _formatted(name, value, known)
            if isinstance(value, str) and "{" in value
            else value
            for name, value in done.items()
        }
    return done


def _formatted(field: str, template: str, known: _Known) -> str:
    if template.count("{") > _MAX_PLACEHOLDERS:
        raise PrefixError(
            f"The {field} grows without end: it begins {template[:80]!r}",
            hint="A template must not name itself, nor one that names it",
            context={"field": field},
        )
    try:
        return Formatter().vformat(template, (), known)
    except PrefixError:
        raise
    except (KeyError, IndexError) as error:
        names = ", ".join(known.names())
        raise PrefixError(
            f"The {field} {template!r} has the unknown placeholder {str(error.args[0])!r}",
            hint=f"Use one of: {names}",
            context={"field": field, "template": template, "placeholder": error.args[0]},
        ) from error
    except (ValueError, AttributeError, TypeError) as error:
        raise PrefixError(
            f"The {field} {template!r} cannot be filled in: {error}",
            hint="Check its braces and formats",
            context={"field": field, "template": template},
        ) from error
