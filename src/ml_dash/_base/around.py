"""A function that does all its work inside a context, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import Any, TypeVar

from ml_dash.exceptions import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def around(
    func: F,
    context: Callable[[], AbstractContextManager[Any]],
    left_early: Callable[[Any], None],
    argument: str,
    *,
    among_others: bool = False,
) -> F:
    """Return ``func`` with each call, from the first line of its body to the last, in a context.

    Args:
        func: A plain, asynchronous or generator function.
        context: Gives, for each call, what is entered.
        left_early: Called with what that gave, when a reader leaves a generator before its end.
        argument: The parameter, if ``func`` has one and the call leaves it free, that gets what
            the context gives.
        among_others: Whether ``**kwargs`` take it too.

    Raises:
        UsageError: ``func`` cannot be called.
    """
    if not callable(func):
        raise UsageError(
            f"{func!r} is no function, so nothing can be wrapped around it",
            hint="Write @exp.run above a function, or `with exp.run:` before a block",
        )
    place = _place_of(argument, func, among_others)

    def call(given: Any, args: Any, kwargs: Any) -> Any:
        return func(*args, **({**kwargs, argument: given} if len(args) <= place else kwargs))

    @contextmanager
    def reading() -> Iterator[Any]:
        with context() as given:
            try:
                yield given
            except GeneratorExit:
                left_early(given)
                raise

    return functools.wraps(func)(_wrapper(func, call, context, reading))  # type: ignore[return-value]


def _wrapper(
    func: Callable[..., Any],
    call: Callable[[Any, Any, Any], Any],
    context: Callable[[], AbstractContextManager[Any]],
    reading: Callable[[], AbstractContextManager[Any]],
) -> Callable[..., Any]:
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        with context() as given:
            return await call(given, args, kwargs)

    async def async_generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with reading() as given:
            async with aclosing(call(given, args, kwargs)) as items:
                async for item in items:
                    yield item

    def generator(*args: Any, **kwargs: Any) -> Any:
        with reading() as given:
            return (yield from call(given, args, kwargs))

    def plain(*args: Any, **kwargs: Any) -> Any:
        with context() as given:
            return call(given, args, kwargs)

    if inspect.iscoroutinefunction(func):
        return coroutine
    if inspect.isasyncgenfunction(func):
        return async_generator
    return generator if inspect.isgeneratorfunction(func) else plain


def _place_of(argument: str, func: Callable[..., Any], among_others: bool) -> float:
    """Return how many positional arguments leave a parameter free to be given by name.

    Minus one when it cannot be given at all.
    """
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except ValueError:
        return -1  # written in C, with no signature to read
    for place, parameter in enumerate(parameters):
        if parameter.name == argument and parameter.kind is parameter.KEYWORD_ONLY:
            return float("inf")
        if parameter.name == argument and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            return place
        if among_others and parameter.kind is parameter.VAR_KEYWORD:
            return float("inf")
    return -1
