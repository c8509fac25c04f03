"""Reading streams by position, as batches need it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._delivery.sources import FileSource, JournalSource, LineSource

ALL = 1 << 40


def source(path: Path, data: bytes) -> LineSource:
    """Return a source of some bytes."""
    path.write_bytes(data)
    return LineSource(path, "logs", "logs")


def test_whole_lines_only(tmp_path: Path) -> None:
    """A line that is being written is not there yet; once it ends, it is."""
    stream = source(tmp_path / "s", b'{"a":1}\n{"b"')
    piece = stream.read(0, stream.size(), 10, ALL)
    assert (piece.lines, piece.end) == ([b'{"a":1}'], 8)
    assert stream.read(8, stream.size(), 10, ALL).lines == []
    with stream.path.open("ab") as file:
        file.write(b":2}\n")
    assert stream.read(8, stream.size(), 10, ALL).lines == [b'{"b":2}']


def test_a_missing_file_is_empty(tmp_path: Path) -> None:
    """A stream that nobody has begun has no records."""
    assert LineSource(tmp_path / "none", "logs", "logs").size() == 0


def test_bounds(tmp_path: Path) -> None:
    """A piece is bounded by records and by bytes, but has one record at least."""
    stream = source(tmp_path / "s", b"11\n22\n33\n" + b"4" * 50 + b"\n")
    size = stream.size()
    assert stream.read(0, size, 2, ALL).lines == [b"11", b"22"]
    assert stream.read(0, size, 10, 7).lines == [b"11", b"22"]
    assert stream.read(9, size, 10, 7).lines == [b"4" * 50]


@given(
    lines=st.lists(st.sampled_from([b"", b"a", b"bb", b"c" * 30])),
    max_records=st.integers(1, 5), max_bytes=st.integers(1, 40),
)  # fmt: skip
def test_pieces_make_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], max_records: int, max_bytes: int
) -> None:
    """Piece after piece, each record comes once and in order, blank lines or not."""
    stream = source(tmp_path_factory.mktemp("s") / "s", b"".join(line + b"\n" for line in lines))
    found: list[bytes] = []
    start, size = 0, stream.size()
    while start < size:
        piece = stream.read(start, size, max_records, max_bytes)
        assert len(piece.lines) <= max_records
        again = stream.read(start, piece.last_end, ALL, ALL)
        assert (again.lines, again.last_end) == (piece.lines, piece.last_end)
        found += piece.lines
        assert piece.end > start
        start = piece.end
    assert found == [line for line in lines if line]
    assert stream.count(0, size) == len(found)


def test_events_of_one_kind(tmp_path: Path) -> None:
    """Of the journal only one kind is a stream; what a value holds does not count."""
    path = tmp_path / "j"
    path.write_bytes(
        b'{"seq":0,"kind":"run","data":{}}\n{"seq":1,"kind":"params","data":{}}\n'
        b'{"seq":2,"kind":"file","time":"2026-01-01T00:00:00.000000Z","data":"\\"kind\\":\\"params\\""}\n'
    )
    stream = JournalSource(path, "params", "params")
    piece = stream.read(0, stream.size(), 10, ALL)
    assert piece.lines == [b'{"seq":1,"kind":"params","data":{}}']
    assert piece.end == stream.size() > piece.last_end
    assert stream.count(0, stream.size()) == 1


def test_few_large_files_at_a_time(tmp_path: Path) -> None:
    """Many small files are one batch; of large ones some, so that what arrived is noted soon."""
    line = b'{"seq":%d,"kind":"file","time":"","data":{"record":{"sizeBytes":%d}}}'
    sizes = [1000] * 300 + [1 << 30] * 40
    (tmp_path / "s").write_bytes(b"".join(line % pair + b"\n" for pair in enumerate(sizes)))
    stream = FileSource(tmp_path / "s")
    counts, at, end = [], 0, stream.size()
    while at < end:
        piece = stream.read(at, end, 200, 1 << 19)
        counts.append(len(piece.lines))
        assert stream.read(at, piece.last_end, 1 << 62, 1 << 62) == piece  # as it is named
        at = piece.end
    assert counts == [200, 100, 16, 16, 8]
