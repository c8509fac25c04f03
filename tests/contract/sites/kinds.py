"""What can be said of an error site: a test injects the fault, it is gone, or its part is to come.

Examples:
    >>> SITES = {
    ...     "B02": Test("tests/unit/base/test_settings.py::test_a_wrong_number_is_told"),
    ...     "B03": Gone("there is no thread to start twice: each call writes before it returns"),
    ...     "B16": Later("issue 5: a batch that the server refused is delivery's to keep"),
    ...     "B24": (Test("tests/…"), Later("issue 5: …")),
    ... }
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Test:
    """Tests that inject the fault of the site, and check what happens then.

    Attributes:
        names: ``path from the root::function`` (or ``path::Class::function``), without parameters.
    """

    __test__ = False  # no test class, whatever pytest thinks of its name
    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        """Take the names of one test or of several."""
        object.__setattr__(self, "names", names)


@dataclass(frozen=True)
class Gone:
    """The fault cannot occur any more.

    Attributes:
        reason: What makes it impossible, in words that hold for this site only.
    """

    reason: str


@dataclass(frozen=True)
class Later:
    """The site lies in a part that is not built yet.

    Attributes:
        reason: ``issue N: `` and what that part will have to show.
    """

    reason: str


Answer = Test | Gone | Later
Site = Answer | tuple[Answer, ...]
