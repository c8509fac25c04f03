"""Times of log lines, as clients write them."""

from __future__ import annotations

import pytest

from ml_dash.server.records.logs import microseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000), ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456), ("1970-01-01T01:00:00+01:00", 0),
        (" 1970-01-01T00:00:00.000250z ", 250), ("1970-01-01 00:00:02", 2_000_000),
        ("1969-12-31T23:59:59Z", -1_000_000), ("soon", None), ("", None), (None, None),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999), ("2026-13-01", None), (5, None),
    ],
)  # fmt: skip
def test_a_time_is_read_to_the_microsecond(text: object, expected: int | None) -> None:
    """Any number of digits after the point, any offset; what is no time gives none."""
    assert microseconds(text) == expected
