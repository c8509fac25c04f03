"""Write docs/errors.md from the classes of ml_dash.exceptions: ``python docs/make_errors.py``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import ml_dash.exceptions as errors

PAGE = Path(__file__).with_name("errors.md")
SEVERITIES = (errors.CriticalError, errors.DataLossError, errors.RecoverableError)
DOMAINS = (
    errors.RemoteClientError, errors.FileAccessError, errors.StoreError, errors.StateError,
    errors.ConfigurationError,
)  # fmt: skip
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
pickle. The errors of requests are the httpx class that 0.6 let through as well, such as
`httpx.HTTPStatusError` or `httpx.ConnectError`.
"""


def public() -> list[type[errors.MLDashError]]:
    """Return every class of the tree, each once, in the order of `__all__`."""
    found = [getattr(errors, name) for name in errors.__all__]
    classes = [each for each in found if issubclass(each, errors.MLDashError)]
    return list(dict.fromkeys(classes))


def facts(kind: type[errors.MLDashError]) -> dict[str, str]:
    """Return cause, what is kept and the remedy, from a class's docstring."""
    text = inspect.getdoc(kind) or ""
    cause = re.sub(r"``", "`", " ".join(text.split("\n\n")[0].split()))
    found = {"cause": cause}
    for label in ("Kept", "Remedy"):
        match = re.search(rf"^{label}: (.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        if match is None:
            raise ValueError(f"The docstring of {kind.__name__} has no line '{label}: ...'")
        found[label.lower()] = " ".join(match[1].split())
    return found


def builtins_of(kind: type[errors.MLDashError]) -> list[str]:
    """Return the builtin classes that catch it, but for those that catch everything."""
    from builtins import __dict__ as known

    return [
        base.__name__
        for base in kind.__mro__
        if known.get(base.__name__) is base and base not in (Exception, BaseException, object)
    ]


def section(kind: type[errors.MLDashError]) -> str:
    """Return a class's part of the page."""
    told = facts(kind)
    severity = next((each.__name__ for each in SEVERITIES if issubclass(kind, each)), None)
    domains = [each.__name__ for each in DOMAINS if issubclass(kind, each) and each is not kind]
    caught = [f"`{name}`" for name in [*domains, *builtins_of(kind)]]
    lines = [
        f"## {kind.__name__}", "", f"{told['cause']}", "",
        f"- code: `{kind.code}`" + ("; retryable" if kind.retryable else ""),
    ]  # fmt: skip
    if severity and severity != kind.__name__:
        lines.append(f"- severity: `{severity}`")
    if caught:
        lines.append(f"- also caught by: {', '.join(dict.fromkeys(caught))}")
    return "\n".join([*lines, f"- kept: {told['kept']}", f"- remedy: {told['remedy']}", ""])


def page() -> str:
    """Return the whole page."""
    return HEAD + "\n" + "\n".join(section(kind) for kind in public())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE} has {len(public())} errors\n")
