"""Write docs/errors.md from the classes of ml_dash.exceptions: ``python docs/make_errors.py``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import httpx

import ml_dash.exceptions as errors
from ml_dash._remote.errors import BY_EXCEPTION, BY_STATUS, BY_STATUS_CLASS

PAGE = Path(__file__).with_name("errors.md")
SEVERITIES = (errors.CriticalError, errors.DataLossError, errors.RecoverableError)
ABSTRACT = frozenset({
    errors.MLDashError, errors.CriticalError, errors.RecoverableError, errors.RemoteClientError,
    errors.FileAccessError, errors.StoreError, errors.StateError, errors.NotFoundError,
})  # fmt: skip
"""The classes to catch, not to raise: they have no message of their own."""
HEAD = """\
<!-- Made by docs/make_errors.py from the classes; do not edit. -->

# Errors

Every error is a `ml_dash.exceptions.MLDashError`. Its severity decides what the error mode makes of
it. The mode is `Experiment(error_mode=...)`, `with ml_dash.error_mode(...)`,
`ml_dash.set_error_mode(...)` or `ML_DASH_ERROR_MODE`, the first of these that is given:

| severity | `strict` | `default` | `permissive` |
|---|---|---|---|
| `CriticalError` | raised | raised | raised |
| `DataLossError` | raised | `DataLossWarning`, logged | `DataLossWarning`, logged |
| `RecoverableError` | raised | `RecoverableWarning`, logged | logged |

Calls that are asked for a result (reading, downloading, the requests of a client) raise in every
mode. Each error carries `code` (stable, for programs), `message`, `context` (facts), `kept` (where
the data is now), `hint` (what to do), `retryable`, and its cause as `__cause__`. All of them
pickle. What a request raises is the class of httpx that 0.6 let through as well; that class and
its subclasses are named under "after a request".
"""
TAIL = """\
# Warnings

What the error mode turns into a warning, and answers that will change. `warnings.filterwarnings`
takes them one by one.

"""


def public() -> list[type[errors.MLDashError]]:
    """Return every class of the tree, each once, in the order of `__all__`."""
    found = [getattr(errors, name) for name in errors.__all__]
    classes = [each for each in found if issubclass(each, errors.MLDashError)]
    return list(dict.fromkeys(classes))


def facts(kind: type[errors.MLDashError]) -> dict[str, str]:
    """Return cause, what is kept, the remedy and a message, from a class's docstring."""
    text = inspect.getdoc(kind) or ""
    found = {"cause": " ".join(text.split("\n\n")[0].split()).replace("``", "`")}
    for label in ("Kept", "Remedy", *(() if kind in ABSTRACT else ("Says",))):
        match = re.search(rf"^{label}: (.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        if match is None:
            raise ValueError(f"The docstring of {kind.__name__} has no line '{label}: ...'")
        found[label.lower()] = " ".join(match[1].split())
    return found


def caught_by(kind: type[errors.MLDashError]) -> list[str]:
    """Return the other classes that catch it, ours first, but for those that catch everything."""
    ours = [base for base in kind.__mro__[1:] if base.__module__.startswith("ml_dash.")]
    theirs = [base for base in kind.__mro__ if base.__module__ in ("builtins", "json.decoder")]
    aside = {errors.MLDashError, *SEVERITIES, Exception, BaseException, object}
    return [
        f"json.{base.__name__}" if base.__module__ == "json.decoder" else base.__name__
        for base in [*ours, *theirs]
        if base not in aside
    ]


def after_a_request(kind: type[errors.MLDashError]) -> list[str]:
    """Return the classes of httpx that it is as well when a request raises it."""
    found = [f"httpx.{base.__name__}" for base, ours in BY_EXCEPTION.items() if ours is kind]
    by_status = kind in {*BY_STATUS.values(), *BY_STATUS_CLASS.values()}
    return found + ([f"httpx.{httpx.HTTPStatusError.__name__}"] if by_status else [])


def section(kind: type[errors.MLDashError]) -> str:
    """Return a class's part of the page."""
    told = facts(kind)
    severity = next((each.__name__ for each in SEVERITIES if issubclass(kind, each)), None)
    rows = {
        "code": f"`{kind.code}`" + ("; retryable" if kind.retryable else ""),
        "severity": f"`{severity}`" if severity and severity != kind.__name__ else "",
        "also caught by": ", ".join(f"`{name}`" for name in caught_by(kind)),
        "after a request": ", ".join(f"`{name}`" for name in after_a_request(kind)),
        "kept": told["kept"],
        "remedy": told["remedy"],
        "says, for example": f"`{told['says']}`" if "says" in told else "",
    }
    lines = [f"- {name}: {text}" for name, text in rows.items() if text]
    return "\n".join([f"## {kind.__name__}", "", told["cause"], "", *lines, ""])


def warning(kind: type[Warning]) -> str:
    """Return the part of a warning's class."""
    cause = (inspect.getdoc(kind) or "").splitlines()[0]
    bases = [base.__name__ for base in kind.__mro__[1:] if base.__module__ == "builtins"]
    caught = ", ".join(f"`{name}`" for name in bases if name.endswith("Warning"))
    return f"## {kind.__name__}\n\n{cause}\n\n- filtered as: {caught}\n"


def page() -> str:
    """Return the whole page."""
    found = [getattr(errors, name) for name in errors.__all__]
    warnings = [each for each in found if issubclass(each, Warning)]
    parts = [*map(section, public()), TAIL.rstrip("\n") + "\n", *map(warning, warnings)]
    return HEAD + "\n" + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE} has {len(public())} errors\n")
