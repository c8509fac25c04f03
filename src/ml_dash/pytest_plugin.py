"""``pytest --ml-dash-inject``: each test again, with a call to ml-dash failing each time.

Shipped with the package and known to pytest by its entry point; without the option it does nothing
and imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_STATE = "_ml_dash_rehearsal"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("ml-dash").addoption(
        "--ml-dash-inject", action="store_true",
        help="Run each test again for each call to ml-dash that 1.0 changes, with that call "
        "failing once; under the preview of 1.0.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Begin a rehearsal."""
    if config.getoption("--ml-dash-inject"):
        if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
            import pytest

            # What its workers find would reach nobody.
            raise pytest.UsageError("--ml-dash-inject runs in one process: add -n 0")
        from ml_dash.migrate.testing import TestRehearsal

        rehearsal = TestRehearsal()
        config.pluginmanager.register(rehearsal, _STATE)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End it."""
    rehearsal: Any = config.pluginmanager.get_plugin(_STATE)
    if rehearsal is not None:
        rehearsal.close()
        config.pluginmanager.unregister(rehearsal)
