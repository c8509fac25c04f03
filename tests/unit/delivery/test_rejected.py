"""The list of refused records: what is in it, and what is damaged of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_dash._delivery.rejected import NAME, Rejected
from ml_dash.exceptions import CorruptDataError, ServerError


@pytest.fixture
def rejected(tmp_path: Path) -> Rejected:
    """Return a list with one record."""
    made = Rejected(tmp_path)
    made.add("logs", 3, b'{"message":"x"}', ServerError("no", context={"status": 422}))
    made.close()
    return made


def test_a_record_is_listed_once(rejected: Rejected) -> None:
    """However often it is refused."""
    rejected.add("logs", 3, b"another", ServerError("again"))
    rejected.close()
    (entry,) = rejected.entries()
    assert (entry["stream"], entry["number"], entry["status"]) == ("logs", 3, 422)
    assert entry["record"] == '{"message":"x"}'


@pytest.mark.parametrize("line", [b"garbage", b"5", b'{"stream":"logs"}'])
def test_a_damaged_line_is_named(rejected: Rejected, tmp_path: Path, line: bytes) -> None:
    """With its file and number; the file stays as it is."""
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes() + line + b"\n")
    before = path.read_bytes()
    with pytest.raises(CorruptDataError, match=f"Line 2 of {path}"):
        list(rejected.entries())
    assert path.read_bytes() == before


def test_a_line_that_did_not_end_is_nobodys(rejected: Rejected, tmp_path: Path) -> None:
    """Its writer was killed, and its record is judged again."""
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"stream":"lo')
    assert len(list(rejected.entries())) == 1
