"""The warnings about old behaviour; a module of its own, because `deprecation` is slow to load."""

from __future__ import annotations

import deprecation

from ml_dash import exceptions
from ml_dash.flags import RELEASES


# By the name that users read in front of the message, and filter by.
class MLDashDeprecationWarning(
    exceptions.MLDashDeprecationWarning,
    deprecation.DeprecatedWarning,  # type: ignore[misc]
):
    """Old behaviour was shown, which a later release ends.

    Attributes:
        function: The public name.
        deprecated_in: The release that began to warn.
        removed_in: The release that ends it.
        details: The whole message.
    """

    def __str__(self) -> str:
        return str(self.details)


def warning(
    message: str, name: str, removed_in: str, gone: bool
) -> tuple[Warning, type[Warning]]:
    """Return a warning and its class.

    Args:
        message: What it says.
        name: The public name.
        removed_in: The release that ends the old behaviour.
        gone: Whether that release is in force: then nothing may come here, and
            ``deprecation.fail_if_not_removed`` finds what does.
    """
    kind = deprecation.UnsupportedWarning if gone else MLDashDeprecationWarning
    return kind(name, RELEASES[1], removed_in, message), kind
