"""Functions of every kind, wholly inside a context."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ml_dash._base.around import around
from ml_dash.exceptions import UsageError


class Room:
    """A context that remembers who came and went."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def __enter__(self) -> str:
        self.events.append("in")
        return "key"

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.events.append("out" if kind is None else kind.__name__)

    def wraps(self, func: Any) -> Any:
        return around(func, lambda: self, lambda _: self.events.append("left"), "given")


def test_a_coroutine_is_inside_until_it_ends() -> None:
    """Not only until it is made."""
    room = Room()

    @room.wraps
    async def work() -> None:
        await asyncio.sleep(0)
        room.events.append("work")

    asyncio.run(work())
    assert room.events == ["in", "work", "out"]


def test_a_generator_is_inside_until_it_ends() -> None:
    """Its values, what is sent to it, its result and its errors go through."""
    room = Room()

    @room.wraps
    def work() -> Iterator[Any]:
        sent = yield 1
        room.events.append(sent)
        return sent * 2

    def outer() -> Any:
        return (yield from work())

    reading = outer()
    assert next(reading) == 1
    with pytest.raises(StopIteration) as caught:
        reading.send("hi")
    assert caught.value.value == "hihi"
    assert room.events == ["in", "hi", "out"]
    broken = work()
    next(broken)
    with pytest.raises(ValueError, match="boom"):
        broken.throw(ValueError("boom"))
    assert room.events[3:] == ["in", "ValueError"]


def test_an_asynchronous_generator_is_inside_until_it_ends() -> None:
    """Also when its reader leaves early, after its own clean-up."""
    room = Room()

    @room.wraps
    async def work(given: str) -> AsyncIterator[str]:
        try:
            yield given
            yield "more"
        finally:
            room.events.append("clean-up")

    async def read(all_of_it: bool) -> list[str]:
        reading = work()
        found = [await anext_(reading)]
        if all_of_it:
            found += [item async for item in reading]
        await reading.aclose()
        return found

    async def anext_(reading: Any) -> Any:
        return await reading.__anext__()

    assert asyncio.run(read(all_of_it=True)) == ["key", "more"]
    assert room.events == ["in", "clean-up", "out"]
    assert asyncio.run(read(all_of_it=False)) == ["key"]
    assert room.events[3:] == ["in", "clean-up", "left", "GeneratorExit"]


def test_the_argument_is_given_where_it_is_free() -> None:
    """By name, never twice, and never to a function that does not take it so."""

    def first(given: str, x: int = 0) -> tuple[str, int]:
        return given, x

    def only_by_name(*args: int, given: str) -> tuple[str, tuple[int, ...]]:
        return given, args

    def only_by_place(given: str, /) -> str:
        return given

    def without(x: int) -> int:
        return x

    wraps = Room().wraps
    assert wraps(first)(x=1) == ("key", 1)
    assert wraps(first)("mine", 2) == ("mine", 2)
    assert wraps(only_by_name)(1, 2, 3) == ("key", (1, 2, 3))
    assert wraps(only_by_place)("mine") == "mine"
    assert wraps(without)(4) == 4
    assert wraps(functools.partial(first, x=5))() == ("key", 5)


def test_functions_without_a_signature_work() -> None:
    """Some that are written in C have none to read."""
    assert Room().wraps(max)(1, 2) == 2
    assert Room().wraps(dict)(a=1) == {"a": 1}


def test_what_cannot_be_called_is_refused() -> None:
    """At once, as a TypeError too, and the context is not entered."""
    room = Room()
    with pytest.raises(UsageError, match="5 is no function") as caught:
        room.wraps(5)
    assert isinstance(caught.value, TypeError)
    assert room.events == []
