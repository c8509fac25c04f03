"""Arguments that 0.6 ignored or took, as far as they can be read in the code."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ml_dash.migrate import known
from ml_dash.migrate.contexts import is_simple

_FIELDS: Final = (
    "readme", "tags", "bindrs", "metadata", "dash_url", "dash_root", "error_mode", "future",
    "echo", "prefix", "offline", "on_delivery_error", "remote", "local_path", "_write_protected",
)  # fmt: skip
_LEVELS: Final = frozenset({"info", "warn", "error", "debug", "fatal"})
_TEMPLATE: Final = re.compile(r"\{.*\}")


class Odd(NamedTuple):
    """An argument, or a call, that is odd.

    Attributes:
        node: It.
        api: The row of the flag table.
        what: The argument, or what is done with the answer.
        advice: What to write instead.
        becomes: What ``fix`` writes; empty where it only marks.
        certain: Whether it is sure.
    """

    node: ast.AST
    api: str
    what: str
    advice: str
    becomes: str = ""
    certain: bool = True


def _keywords(call: ast.Call) -> dict[str, ast.keyword]:
    return {each.arg: each for each in call.keywords if each.arg is not None}


def _spread(call: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """Yield the names in ``**{"name": value}`` and ``**dict(name=value)``."""
    for each in call.keywords:
        if each.arg is None and isinstance(each.value, ast.Dict):
            for key in each.value.keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, each
        elif each.arg is None and isinstance(each.value, ast.Call) and _is_dict(each.value.func):
            yield from ((inner, each) for inner in _keywords(each.value))


def _is_dict(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "dict"


# -- Experiment ------------------------------------------------------------------------------------


def of_experiment(call: ast.Call, fields: Sequence[str]) -> Iterator[Odd]:
    """Yield what is odd in a call of ``Experiment``.

    Args:
        call: The call.
        fields: The names of the fields of a run, which are arguments, too.
    """
    given = _keywords(call)
    for old, new in known.RENAMED.items():
        value = given.get(old)
        if value is not None and not _is_none(value.value):
            both = new in given or any(each.arg is None for each in call.keywords)
            yield Odd(value, f"Experiment.{old}", old, f"write {new}=", "" if both else new)
    names = [*given.items(), *_spread(call)]
    for name, node in names:
        if name in known.RENAMED and name not in given:
            yield Odd(node, f"Experiment.{name}", name, f"write {known.RENAMED[name]}")
        elif name not in _FIELDS and name not in fields:
            near = difflib.get_close_matches(name, [*_FIELDS, *fields], n=1)
            advice = f"write {near[0]}=" if near else f"remove {name}="
            yield Odd(node, "Experiment", name, advice)
    prefix = given.get("prefix") or (call.args[0] if call.args else None)
    if prefix is not None and _is_short(prefix):
        yield Odd(prefix, "Experiment.prefix", "prefix", "write 'owner/project/name'")


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_short(node: ast.AST) -> bool:
    node = node.value if isinstance(node, ast.keyword) else node
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or not node.value:
        return False
    parts = [each for each in node.value.split("/") if each]
    return len(parts) < 2 and not _TEMPLATE.search(node.value)


# -- other calls -----------------------------------------------------------------------------------


def of_files(call: ast.Call, options: Sequence[str]) -> Iterator[Odd]:
    """Yield the options of a call of ``files`` that it does not know."""
    for name, node in [*_keywords(call).items(), *_spread(call)]:
        if name not in options and name != "path":
            near = difflib.get_close_matches(name, options, n=1)
            advice = f"write {near[0]}=" if near else f"remove {name}="
            yield Odd(node, "files", name, advice)


_BUFFER: Final = ("MetricBuilder.buffer", "buffer numbers only, and log() anything else")
_STORE: Final = ("SummaryCache.store", "store numbers only, and set() anything else")


def of_values(call: ast.Call, owner: str, name: str) -> Iterator[Odd]:
    """Yield the values that 0.6 skipped or took in silence."""
    if (owner, name) in (("MetricBuilder", "buffer"), ("SummaryCache", "store")):
        api, advice = _BUFFER if name == "buffer" else _STORE
        for key, each in _keywords(call).items():
            if _is_no_number(each.value):
                yield Odd(each, api, key, advice)
    elif (owner, name) == ("TrackBuilder", "append"):
        time = _keywords(call).get("_ts")
        if time is not None and _is_odd_time(time.value):
            yield Odd(time, "TrackBuilder.append", "_ts", "give _ts in seconds, or leave it out")
    elif (owner, name) in (("ParametersBuilder", "set"), ("ParametersBuilder", "log")):
        for twice in _twice(call):
            yield Odd(call, "ParametersBuilder.set", twice, "give each parameter once")


def _is_no_number(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return not _is_number(node.value)
        return isinstance(node.value, bytes)
    return isinstance(node, (ast.JoinedStr, ast.List, ast.Dict, ast.Set, ast.Tuple))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False  # a text
    return True


def _is_odd_time(node: ast.AST) -> bool:
    odd = isinstance(node, ast.Constant) and isinstance(node.value, (str, bool))
    return odd or isinstance(node, ast.JoinedStr)


def _twice(call: ast.Call) -> list[str]:
    """Return the parameters that a call of ``set`` gives twice."""
    seen: set[str] = set()
    found = []
    for each in call.keywords:
        inner = each.value if isinstance(each.value, ast.Dict) else None
        for name in _flat(inner, each.arg) if inner is not None else [str(each.arg)]:
            if name in seen:
                found.append(name)
            seen.add(name)
    return found


def _flat(node: ast.Dict, prefix: str | None) -> Iterator[str]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            name = f"{prefix}.{key.value}" if prefix else key.value
            yield from _flat(value, name) if isinstance(value, ast.Dict) else [name]


# -- log() without a message -----------------------------------------------------------------------


def of_log(path: Sequence[ast.AST]) -> Odd | None:
    """Return a call of ``log`` that has no message: it gives a builder; None if it has one.

    Args:
        path: The call and the nodes around it.
    """
    call = path[-1]
    assert isinstance(call, ast.Call)
    given = _keywords(call)
    message = call.args[0] if call.args else given["message"].value if "message" in given else None
    if message is not None and not _is_none(message):
        return None
    hidden = any(each.arg is None for each in call.keywords)
    if hidden and message is None:
        return Odd(call, "Experiment.log", "log", "use exp.logs.info(...)", certain=False)
    becomes = "" if hidden or not _can_be_logs(path, call) else "logs"
    return Odd(call, "Experiment.log", "log", "use exp.logs.info(...)", becomes)


def facts_of(call: ast.Call) -> dict[str, ast.AST] | None:
    """Return what a call of ``log`` says beside the message; None when it cannot be read."""
    found: dict[str, ast.AST] = {}
    for each in call.keywords:
        if each.arg in ("message", "level"):
            continue
        if each.arg != "metadata":
            found[str(each.arg)] = each.value
        elif isinstance(each.value, ast.Dict):
            for key, value in zip(each.value.keys, each.value.values, strict=True):
                text = key.value if isinstance(key, ast.Constant) else None
                if not isinstance(text, str) or not text.isidentifier() or text in found:
                    return None
                found[text] = value
        elif not _is_none(each.value):
            return None
    return found


def _can_be_logs(path: Sequence[ast.AST], call: ast.Call) -> bool:
    if len(call.args) > 1 and not (len(call.args) == 2 and isinstance(call.args[1], ast.Constant)):
        return False
    facts = facts_of(call)
    if facts is None or not all(map(is_simple, facts.values())):
        return False
    asked, outer = path[-2], path[-3] if len(path) > 2 else None
    if isinstance(asked, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return not facts
    if not (isinstance(asked, ast.Attribute) and asked.attr in _LEVELS
            and isinstance(outer, ast.Call) and outer.func is asked):  # fmt: skip
        return False
    names = [each.arg for each in outer.keywords]
    again = set(facts) & {*filter(None, names), "message", "self"}
    plain = [*outer.args, *(each.value for each in outer.keywords)]
    return not facts or (not again and None not in names and all(map(is_simple, plain)))
