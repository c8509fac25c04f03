"""Check whether the ml_dash that can be imported serves the names and signatures of the pins.

Standard library only: the tests import it, and every old release runs it as
``api_check.py PINS`` (prints a JSON object from each check's id to what is wrong, or null).
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_EMPTY = inspect.Parameter.empty
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

Check = tuple[str, Callable[[], "str | None"]]


def checks(pins: dict[str, Any]) -> Iterator[Check]:
    """Yield each check's id and the function that returns what is wrong, or None."""
    for name, exported in pins["all"].items():
        yield f"all:ml_dash:{name}", lambda exported=exported: missing_from_all(exported)
    for module, names in pins["modules"].items():
        for name in names:
            where = f"{module}:{name}"
            yield f"name:{where}", lambda w=where: absent(w)
    for where, pinned in pins["functions"].items():
        yield f"signature:{where}", lambda w=where, p=pinned: signature_problem(find(w), p)
    for where, pinned in pins["classes"].items():
        yield from class_checks(where, pinned)
    for where, members in pins["enums"].items():
        yield f"enum:{where}", lambda w=where, m=members: members_problem(w, m)
    for where, value in pins["values"].items():
        yield f"value:{where}", lambda w=where, v=value: value_problem(w, v)
    for where, bases in pins["bases"].items():
        for base in bases:
            yield f"base:{where}:{base}", lambda w=where, b=base: base_problem(w, b)


def class_checks(where: str, pinned: dict[str, Any]) -> Iterator[Check]:
    """Yield the checks of one class."""
    if pinned.get("init") is not None:
        init = pinned["init"]
        yield f"signature:{where}()", lambda: signature_problem(find(where), init)
    for method, text in pinned.get("methods", {}).items():
        yield (
            f"signature:{where}.{method}",
            lambda m=method, t=text: method_problem(where, m, t, pinned.get("static", ())),
        )
    for method, ways in pinned.get("call", {}).items():
        for names in ways:
            yield (
                f"call:{where}.{method}({', '.join(names)})",
                lambda m=method, n=names: call_problem(where, m, n),
            )
    for name in pinned.get("properties", ()):
        yield f"property:{where}.{name}", lambda n=name: property_problem(where, n, pinned)
    for name in pinned.get("class_attributes", ()):
        yield f"attribute:{where}.{name}", lambda n=name: absent(f"{where}.{n}")
    for name in pinned.get("attributes", ()):
        yield f"attribute:{where}().{name}", lambda n=name: instance_problem(where, n)


def find(where: str) -> Any:
    """Return the object named ``module:attribute.attribute``."""
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    return found


def absent(where: str) -> str | None:
    """Say that there is no such name, if so."""
    try:
        find(where)
    except (AttributeError, ImportError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def missing_from_all(names: list[str]) -> str | None:
    """Say which names ``ml_dash.__all__`` lacks."""
    missing = [name for name in names if name not in find("ml_dash:__all__")]
    return f"not in __all__: {missing}" if missing else None


def parse(text: str) -> inspect.Signature:
    """Return the signature that a pin's text describes; ``...`` stands for any default."""
    scope: dict[str, Any] = {}
    tree = ast.parse(f"def pinned({text}): ...")
    exec(compile(tree, "<pin>", "exec"), scope)
    return inspect.signature(scope["pinned"])


def method_problem(where: str, method: str, text: str | None, static: Any) -> str | None:
    """Say what is wrong with a method (``text`` None: only that it must be there)."""
    problem = absent(f"{where}.{method}")
    if problem or text is None:
        return problem
    bound = method in static or where in INSTANCES
    owner = find(where) if method in static or not bound else INSTANCES[where]()
    return signature_problem(getattr(owner, method), text, skip_self=not bound)


def signature_problem(actual: Any, text: str, *, skip_self: bool = False) -> str | None:
    """Say how ``actual`` fails to accept what the pinned signature accepts."""
    parameters = list(inspect.signature(actual).parameters.values())[1 if skip_self else 0 :]
    problems = [
        *pinned_problems(list(parse(text).parameters.values()), parameters),
        *extra_problems(list(parse(text).parameters.values()), parameters),
    ]
    shown = ", ".join(map(str, parameters))
    return f"{'; '.join(problems)} (is: {shown})" if problems else None


def pinned_problems(
    pinned: list[inspect.Parameter], actual: list[inspect.Parameter]
) -> Iterator[str]:
    """Yield what is wrong with each pinned parameter."""
    by_name = {p.name: p for p in actual if p.kind in _NAMED}
    positional = [p for p in actual if p.kind in _POSITIONAL]
    kinds = {p.kind for p in actual}
    for place, parameter in enumerate(pinned):
        if parameter.kind in _VARIABLE:
            if parameter.kind not in kinds:
                yield f"takes no {parameter}"
            continue
        found = by_name.get(parameter.name)
        if parameter.kind in _POSITIONAL:
            here = positional[place] if place < len(positional) else None
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                found = here
            elif here is not found:
                yield f"`{parameter.name}` is not positional argument {place}"
        if found is None:
            if parameter.kind in _POSITIONAL or inspect.Parameter.VAR_KEYWORD not in kinds:
                yield f"no parameter `{parameter.name}`"
        elif parameter.default is not _EMPTY and not same_default(parameter, found):
            yield f"default of `{parameter.name}` is {found.default!r}, not {parameter.default!r}"


def same_default(pinned: inspect.Parameter, actual: inspect.Parameter) -> bool:
    """Return whether the default serves the pin."""
    if actual.default is _EMPTY:
        return False
    return pinned.default is ... or bool(actual.default == pinned.default)


def extra_problems(
    pinned: list[inspect.Parameter], actual: list[inspect.Parameter]
) -> Iterator[str]:
    """Yield our own parameters that a pinned call would not fill."""
    names = {p.name for p in pinned}
    filled = sum(p.kind is inspect.Parameter.POSITIONAL_ONLY for p in pinned)
    for place, parameter in enumerate(actual):
        known = parameter.name in names or place < filled or parameter.kind in _VARIABLE
        if not known and parameter.default is _EMPTY:
            yield f"`{parameter.name}` is required here and unknown to 0.6"


def call_problem(where: str, method: str, names: list[str]) -> str | None:
    """Say that a call with these keywords does not bind, if so."""
    try:
        signature = inspect.signature(getattr(find(where), method))
        signature.bind(None, **dict.fromkeys(names))
    except (AttributeError, ImportError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def property_problem(where: str, name: str, pinned: dict[str, Any]) -> str | None:
    """Say that a name is no property or attribute, or cannot be set where it must."""
    if where in INSTANCES and name not in NEED_OPEN:
        problem = instance_problem(where, name)
    else:
        problem = absent(f"{where}.{name}")
    descriptor = inspect.getattr_static(find(where), name, None)
    if not problem and name in pinned.get("settable", ()) and isinstance(descriptor, property):
        return None if descriptor.fset else "cannot be set"
    return problem


def instance_problem(where: str, name: str) -> str | None:
    """Say that an instance has no such attribute, if so."""
    return None if hasattr(INSTANCES[where](), name) else "an instance has no such attribute"


def members_problem(where: str, members: dict[str, str]) -> str | None:
    """Say how an enum differs."""
    actual = {member.name: member.value for member in find(where)}
    return None if list(actual.items()) == list(members.items()) else f"is {actual}"


def value_problem(where: str, value: Any) -> str | None:
    """Say that a constant differs."""
    actual = find(where)
    if isinstance(value, list):
        same = set(actual) == set(value) and len(actual) == len(value)
    else:
        same = actual == value
    return None if same else f"is {actual!r}"


def base_problem(where: str, base: str) -> str | None:
    """Say that a class does not derive from another."""
    bases = find(where).__mro__
    return None if find(base) in bases else f"derives from {[b.__name__ for b in bases]}"


def _experiment() -> Any:
    with tempfile.TemporaryDirectory() as root:
        return find("ml_dash.experiment:Experiment")("pins/of/api", dash_root=root)


NEED_OPEN = ("params", "logs", "metrics", "tracks", "files")
INSTANCES: dict[str, Callable[[], Any]] = {
    "ml_dash.experiment:Experiment": _experiment,
    "ml_dash.run:RUN": lambda: find("ml_dash.run:RUN")(prefix="pins/of/api", entry=__file__),
    "ml_dash.buffer:BufferConfig": lambda: find("ml_dash.buffer:BufferConfig").from_env(),
    "ml_dash.storage:LocalStorage": lambda: find("ml_dash.storage:LocalStorage")(
        tempfile.gettempdir()
    ),
}


def main() -> None:
    """Print what is wrong, by check."""
    pins = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = {}
    for name, check in checks(pins):
        try:
            found[name] = check()
        except (AttributeError, ImportError, TypeError, ValueError) as error:
            found[name] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
