"""Fixtures of the compatibility tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.compat import old_release
from tests.compat.old_release import Release


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of the tests that run a real old release."""
    config.addinivalue_line(
        "markers", "old_release: runs a real ml-dash 0.6 release (installed with pip, cached)"
    )
    config.addinivalue_line("markers", "remote_client: pins names of ml_dash.client")


@pytest.fixture(scope="session")
def release() -> Callable[[str], Release]:
    """Return a function from a version to that release; ``current`` is the one under test."""
    made: dict[str, Release] = {"current": old_release.current()}

    def get(version: str) -> Release:
        if version not in made:
            made[version] = old_release.ensure(version)
        return made[version]

    return get
