"""Streams: numbering, torn tails, other writers, fork, planted links, removed files."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._store.descriptors import Descriptors
from ml_dash._store.stream import Stream
from ml_dash.exceptions import PrefixError

BODY = b',"data":{"x":1}}'


def numbers(path: Path) -> list[int]:
    """Return the numbers of all lines; a line that is no JSON fails the test."""
    return [json.loads(line)["index"] for line in path.read_bytes().splitlines()]


def test_appends_are_numbered_lines(tmp_path: Path) -> None:
    """Each append returns its number and is one whole line."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    assert [stream.append(BODY) for _ in range(3)] == [0, 1, 2]
    lines = (tmp_path / "data.jsonl").read_bytes()
    assert lines == b"".join(b'{"index":%d,"data":{"x":1}}\n' % i for i in range(3))
    assert stream.appended == 3


def test_a_second_writer_goes_on_from_the_first(tmp_path: Path) -> None:
    """Two writers that take turns never use a number twice."""
    first, second = (Stream(tmp_path / "data.jsonl", "index") for _ in range(2))
    for _ in range(5):
        first.append(BODY)
        second.append(BODY)
        second.append(BODY)
    assert numbers(tmp_path / "data.jsonl") == list(range(15))


def test_numbers_of_0_6_lines_are_continued(tmp_path: Path) -> None:
    """Lines with spaces, as 0.6 writes them, count."""
    path = tmp_path / "data.jsonl"
    path.write_text('{"index": 0, "data": {}}\n{"index": 7, "data": {"a": NaN}}\n')
    assert Stream(path, "index").append(BODY) == 8


def test_indexes_that_0_6_repeated_are_not_used_again(tmp_path: Path) -> None:
    """The next number follows the highest one of a damaged file, not the last one."""
    path = tmp_path / "data.jsonl"
    path.write_text("".join(f'{{"index": {i}}}\n' for i in (0, 1, 2, 3, 0, 1)))
    assert Stream(path, "index").append(BODY) == 4


@given(cut=st.integers(1, 60), whole=st.integers(0, 4))
def test_a_tail_torn_at_any_byte_is_kept_aside(cut: int, whole: int, tmp_path_factory) -> None:
    """Whatever part of the last line is there, the lines before it stay and numbering goes on."""
    path = tmp_path_factory.mktemp("torn") / "data.jsonl"
    line = b'{"index":%d,"data":{"name":"\xc3\xa9","loss":0.25},"createdAt":"t"}\n'
    before = b"".join(line % i for i in range(whole))
    torn = (line % whole)[:-1][:cut]
    path.write_bytes(before + torn)
    stream = Stream(path, "index")
    complete = len(torn) == len(line % whole) - 1
    assert stream.append(BODY) == whole + complete
    assert numbers(path) == list(range(whole + complete + 1))
    aside = path.with_name("data.jsonl.torn")
    assert aside.exists() is not complete
    if not complete:
        assert aside.read_bytes() == torn + b"\n"


def test_a_remembered_position_saves_reading(tmp_path: Path) -> None:
    """Starting from a checkpoint counts on from there, and what came later is found."""
    path = tmp_path / "data.jsonl"
    writer = Stream(path, "index")
    for _ in range(10):
        writer.append(BODY)
    size, following = writer.size_bytes, writer.next_number
    writer.append(BODY)
    again = Stream(path, "index")
    again.expect(size, following)
    assert again.append(BODY) == 11


def test_a_wrong_remembered_position_does_no_harm(tmp_path: Path) -> None:
    """A checkpoint beyond the end of a file that was cut is dropped."""
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"index":0}\n')
    stream = Stream(path, "index")
    stream.expect(10_000, 1)
    assert stream.append(BODY) == 1


def test_threads_share_one_stream(tmp_path: Path) -> None:
    """Threads at full speed leave consecutive numbers."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    threads = [
        threading.Thread(target=lambda: [stream.append(BODY) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(tmp_path / "data.jsonl") == list(range(2000))


def test_forked_writers_share_the_numbers(tmp_path: Path) -> None:
    """Parent and forked children append to one inherited stream without clashing."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    stream.append(BODY)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            for _ in range(200):
                stream.append(BODY)
            os._exit(0)
        children.append(child)
    for _ in range(200):
        stream.append(BODY)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert numbers(tmp_path / "data.jsonl") == list(range(801))


def test_a_block_is_all_or_nothing(tmp_path: Path) -> None:
    """A block of records gets consecutive numbers."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    stream.append(BODY)
    with stream.exclusive() as fd:
        assert stream.append_locked(fd, [BODY] * 3) == 1
    assert numbers(tmp_path / "data.jsonl") == [0, 1, 2, 3]


def test_descriptors_are_bounded(tmp_path: Path) -> None:
    """More streams than may be open at once still all get their lines."""
    bound = Descriptors(max_open=4)
    streams = [Stream(tmp_path / f"{i}.jsonl", "index", descriptors=bound) for i in range(20)]
    for _ in range(3):
        for stream in streams:
            stream.append(BODY)
            assert len(bound) <= 4
    assert all(numbers(stream.path) == [0, 1, 2] for stream in streams)


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    """A stream does not follow a symbolic link out of the folder."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    (tmp_path / "data.jsonl").symlink_to(outside)
    with pytest.raises(PrefixError, match="symbolic link"):
        Stream(tmp_path / "data.jsonl", "index").append(BODY)
    assert outside.read_bytes() == b""


def test_a_removed_file_is_noticed(tmp_path: Path) -> None:
    """Writing to a file that was removed is an error once, then a new file."""
    stream = Stream(tmp_path / "data.jsonl", "index")
    stream.append(BODY)
    stream.path.unlink()
    stream._look_again_at = 0.0
    with pytest.raises(FileNotFoundError, match="removed"):
        stream.append(BODY)
    assert stream.append(BODY) == 1
    assert numbers(stream.path) == [1]


def test_durable_appends_reach_the_file(tmp_path: Path) -> None:
    """With fsync, threads that share a sync lose nothing."""
    stream = Stream(tmp_path / "data.jsonl", "index", durable=True)
    threads = [
        threading.Thread(target=lambda: [stream.append(BODY) for _ in range(20)]) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(stream.path) == list(range(60))
    assert stream._synced_end == stream.path.stat().st_size
