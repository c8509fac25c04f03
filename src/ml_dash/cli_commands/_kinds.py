"""The options that leave kinds of data out of an upload or a download."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import click

_WORDS: Final = {"params": "parameters", "logs": "log lines", "metrics": "metrics",
                 "tracks": "tracks", "files": "files"}  # fmt: skip


def skip_options(func: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--skip-params`` and so on; see :func:`left_out`."""
    for kind, words in reversed(_WORDS.items()):
        func = click.option(f"--skip-{kind}", is_flag=True, help=f"Leave {words} out.")(func)
    return func


def left_out(options: Mapping[str, Any]) -> list[str]:
    """Return the kinds that are left out."""
    return [kind for kind in _WORDS if options[f"skip_{kind}"]]
