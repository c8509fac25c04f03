"""Windows: reading by number without reading what lies before."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from ml_dash._store.stream import Stream
from ml_dash._store.window import Window


def window(path: Path) -> Window:
    """Return a reader that has looked at the file."""
    found = Window(path, Stream(path, "index").number_of)
    found.look()
    return found


def found_numbers(path: Path, start: int, limit: int) -> list[int]:
    """Return the numbers of the lines in a window."""
    number_of = Stream(path, "index").number_of
    return [number_of(line) for line in window(path).read(start, limit)]


@given(count=st.integers(0, 12_000), start=st.integers(-3, 13_000), limit=st.integers(0, 13_000))
def test_a_window_of_an_intact_file(count: int, start: int, limit: int, tmp_path_factory) -> None:
    """Exactly the numbers asked for, whatever the size of the file."""
    path = tmp_path_factory.mktemp("window") / "data.jsonl"
    path.write_bytes(b"".join(b'{"index":%d,"data":{"pad":"0123456789"}}\n' % i
                              for i in range(count)))  # fmt: skip
    expected = [i for i in range(count) if start <= i < start + limit]
    assert found_numbers(path, start, limit) == expected


@given(numbers=st.lists(st.integers(0, 30), max_size=60), start=st.integers(0, 30))
@example(numbers=[11, 0, 0, 0, 0, 0, 0, 0, 19], start=0)  # in order at both ends
def test_a_window_of_a_damaged_file(numbers: list[int], start: int, tmp_path_factory) -> None:
    """Repeated and missing numbers are found where they are, in file order."""
    path = tmp_path_factory.mktemp("damaged") / "data.jsonl"
    path.write_text("".join(f'{{"index": {n}}}\n' for n in numbers))
    assert found_numbers(path, start, 5) == [n for n in numbers if start <= n < start + 5]


def test_a_line_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    """A last line without its end does not count and is not returned."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"index":0}\n{"index":1')
    assert window(path).lines == 1
    assert found_numbers(path, 0, 10) == [0]


def test_a_later_look_finds_what_was_appended(tmp_path: Path) -> None:
    """The same reader sees new lines, also when the file was replaced by another."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    reader = Window(stream.path, stream.number_of)
    for expected in range(5):
        reader.look()
        assert reader.lines == expected
        stream.append(b',"a":1}')
    other = tmp_path / "other"
    other.write_bytes(b'{"index":0}\n')
    other.replace(stream.path)
    reader.look()
    assert reader.lines == 1


def test_an_absent_file_is_empty(tmp_path: Path) -> None:
    """A metric without points has no lines."""
    reader = window(tmp_path / "none.jsonl")
    assert (reader.lines, reader.first_line(), reader.last_line()) == (0, b"", b"")
    assert list(reader.read(0, 10)) == []


def test_a_far_window_reads_little(tmp_path: Path) -> None:
    """Reading near the end of a long file opens one chunk or two, not the file."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"".join(b'{"index":%d,"data":{"pad":"0123456789"}}\n' % i
                              for i in range(100_000)))  # fmt: skip
    reader = window(path)
    seen = []
    reader._number_of = lambda line: seen.append(line) or Stream(path, "index").number_of(line)
    assert len(list(reader.read(90_000, 100))) == 100
    assert len(seen) < 15_000
