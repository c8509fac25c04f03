"""How deep a body is, told by its brackets."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ml_dash.server.web import bodies

TEXTS = st.text(st.sampled_from('{}[],"a'), max_size=8)
LISTS = st.lists(st.dictionaries(TEXTS, TEXTS, max_size=3), max_size=40)


@given(LISTS, TEXTS, st.integers(0, 2 * bodies.DEEPEST))
def test_no_deep_body_is_taken_for_a_flat_one(beside: Any, key: str, depth: int) -> None:
    """However many flat objects, and brackets in texts, stand beside what is deep."""
    value: Any = key
    for _ in range(depth):
        value = {key: value}
    raw = orjson.dumps([beside, value, beside])
    assert bodies._may_be_deep(raw) or not bodies._is_deep(orjson.loads(raw))


def test_flat_points_are_not_looked_at_closely() -> None:
    """A batch of points has brackets for each of them, and is not deep."""
    assert not bodies._may_be_deep(orjson.dumps({"dataPoints": [{"loss": 0.5}] * 1000}))
