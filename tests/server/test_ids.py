"""Ids are never given out twice, whoever gives them out, and never run backwards."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ml_dash.server.database import Database
from ml_dash.server.ids import Ids, parsed
from ml_dash.server.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return a database with tables."""
    with closing(Database(f"sqlite:///{tmp_path / 'x.db'}")) as made:
        migrate(made)
        yield made


def test_no_id_comes_twice(database: Database) -> None:
    """Four processes' givers on four threads, more ids than fit into a millisecond."""

    def take(ids: Ids) -> list[int]:
        return [ids.new() for _ in range(10_000)]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(take, [Ids(database) for _ in range(4)]))
    assert len({number for some in taken for number in some}) == 40_000
    assert all(some == sorted(some) for some in taken)
    assert max(number for some in taken for number in some) < 2**63


@pytest.mark.parametrize(
    "text", ["", "0", "01", "-1", "1.0", " 1", "1e3", "²", "x", str(2**63), None, 5]
)
def test_what_is_no_id(text: object) -> None:
    """Anything that this server has not given out in that form."""
    assert parsed(text) is None


def test_an_id_is_read_back(database: Database) -> None:
    """As it was given out."""
    number = Ids(database).new()
    assert parsed(str(number)) == number
    assert parsed(str(2**63 - 1)) == 2**63 - 1
