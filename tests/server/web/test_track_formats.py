"""Tracks in every form: what was sent is in it, and memory does not grow with the track."""

from __future__ import annotations

import io
import math
import tempfile
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mcap.reader import make_reader

from ml_dash._record import codec
from ml_dash.server.errors import UnfitError
from ml_dash.server.web import track_formats, track_table

TRACK = SimpleNamespace(topic="robot/arm", description="left", tags=["a"])


def written(form: str, entries: Any) -> bytes:
    """Return entries in a form."""
    sink = io.BytesIO()
    track_formats.WRITERS[form](sink, TRACK, iter(entries))
    return sink.getvalue()


@pytest.fixture(params=[10_000, 2], ids=["one part", "many parts"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes a table of values of one column, in one part or in parts of two rows."""
    monkeypatch.setattr(track_table, "_PART_ENTRIES", request.param)

    def made(values: list[Any]) -> tuple[pa.DataType, list[Any]]:
        entries = [
            {"timestamp": at, **({} if value is ... else {"v": value})}
            for at, value in enumerate(values)
        ]
        found = pq.read_table(io.BytesIO(written("parquet", entries)))
        assert found["timestamp"].to_pylist() == list(map(float, range(len(values))))
        return found.schema.field("v").type, found["v"].to_pylist()

    return made


FLOATS = pa.list_(pa.field("element", pa.float64()))
OBJECTS = pa.list_(pa.field("element", pa.struct([("a", pa.float64()), ("b", pa.string())])))


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([1, 2, 3, 4], pa.int64(), [1, 2, 3, 4]),
        ([1, 2, 0.5, ...], pa.float64(), [1, 2, 0.5, None]),
        ([1, 2, 2**60, 0.5], pa.float64(), [1, 2, 2.0**60, 0.5]),
        ([2**80, 1, 1, 1], pa.float64(), [2.0**80, 1, 1, 1]),
        ([2**2000, 1.5], pa.float64(), [math.inf, 1.5]),
        (["a", ..., None], pa.string(), ["a", None, None]),
        ([None, None, None], pa.null(), [None, None, None]),
        ([1, 2, "a"], pa.string(), ["1", "2", '"a"']),
        ([True, False, 1], pa.string(), ["true", "false", "1"]),
        (["\ud800", "a", "b"], pa.string(), ['"\\ud800"', '"a"', '"b"']),
        ([[1, 2], [], [0.5], None], FLOATS, [[1, 2], [], [0.5], None]),
        ([[{"a": 1}], [{"b": "x"}], [], [{"a": 0.5}]], OBJECTS,
         [[{"a": 1, "b": None}], [{"a": None, "b": "x"}], [], [{"a": 0.5, "b": None}]]),
        ([[{}], [{}], 1], pa.string(), ["[{}]", "[{}]", "1"]),
    ],
)  # fmt: skip
def test_a_column_has_the_type_that_holds_all_of_its_values(
    table: Any, values: list[Any], kind: pa.DataType, read: list[Any]
) -> None:
    """Whether they are seen together or a few at a time."""
    assert table(values) == (kind, read)


@pytest.mark.parametrize("table", [2], indirect=True)
def test_a_number_that_no_float_is_exactly_is_the_nearest(table: Any) -> None:
    """Also within lists and objects, whose type is settled by what came before."""
    assert table([[0.5], [1], [2**60]]) == (FLOATS, [[0.5], [1], [2.0**60]])
    values = [[{"a": 0.5, "b": "x"}], [{"a": 1}], [{"a": 2**60}]]
    assert table(values)[1][2] == [{"a": 2.0**60, "b": None}]


def test_columns_come_and_go() -> None:
    """Each has all rows; the time is the first, and odd names are shown."""
    entries = [{"timestamp": 1, "a": 1}, {"b\ud800": math.nan, "timestamp": 2}]
    found = pq.read_table(io.BytesIO(written("parquet", entries)))
    assert found.column_names == ["timestamp", "a", "b\\ud800"]
    assert found["a"].to_pylist() == [1, None]
    empty = pq.read_table(io.BytesIO(written("parquet", [])))
    assert (empty.column_names, empty.num_rows) == (["timestamp"], 0)


def test_too_many_columns_are_refused() -> None:
    """With a way out."""
    entries = ({"timestamp": at, f"c{at}": 1} for at in range(track_table.MOST_COLUMNS + 1))
    with pytest.raises(UnfitError, match="more than 4096 fields"):
        written("parquet", entries)


def test_json_and_mocap_say_what_the_track_is() -> None:
    """NaN as its mark; the facts of a mocap are those of all of its frames."""
    entries = [{"timestamp": 1.5, "q": math.nan}, {"timestamp": 4, "z": "b"}]
    found = codec.decode(written("json", entries))
    assert codec.encode(found) == codec.encode({"entries": entries, "count": 2})
    shown = codec.decode(written("mocap", entries))
    assert shown["channels"] == ["q", "z"]
    assert [frame["time"] for frame in shown["frames"]] == [1.5, 4]
    assert shown["frames"][1] == {"time": 4, "z": "b"}
    assert shown["metadata"] == {
        "topic": "robot/arm", "description": "left", "tags": ["a"], "fps": 30, "duration": 2.5,
        "frameCount": 2, "startTime": 1.5, "endTime": 4,
    }  # fmt: skip
    for form in ("json", "mocap"):
        assert codec.decode(written(form, [])) is not None


@pytest.mark.parametrize("at", [-5, 1.5, 2**80, 1.7e308])
def test_mcap_takes_any_time(at: float) -> None:
    """One that the format lacks is in the message."""
    source = io.BytesIO(written("mcap", [{"timestamp": at}]))
    [(_, channel, message)] = make_reader(source).iter_messages()
    assert channel.topic == "robot/arm"
    assert codec.decode(message.data) == {"timestamp": at}
    assert message.log_time == (1_500_000_000 if at == 1.5 else message.log_time)


def many(count: int) -> Iterator[dict[str, Any]]:
    """Yield entries of 200 bytes."""
    for at in range(count):
        yield {"timestamp": at, "q": at / 7, "pose": "x" * 150}


def peak_bytes(form: str, count: int) -> int:
    """Return how much memory it takes at most to write some entries to a file."""
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    tracemalloc.start()
    with tempfile.TemporaryFile() as sink:
        track_formats.WRITERS[form](sink, TRACK, many(count))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak + max(0, pool.bytes_allocated() - before)


@pytest.mark.parametrize("form", track_formats.WRITERS)
def test_memory_does_not_grow_with_a_track(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three times the entries take no more, though they have 2.4 MB more."""
    monkeypatch.setattr(track_table, "_PART_BYTES", 100_000)
    small, large = peak_bytes(form, 6000), peak_bytes(form, 18_000)
    assert large < 1.3 * small + 500_000
