"""Places that name what changes in a text: mocks of tests, and commands that programs start."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ml_dash.flags import Api, Flag
from ml_dash.migrate import known
from ml_dash.migrate.kinds import Known

_PATCHES: Final = frozenset({"patch", "object", "setattr", "spy"})
_STARTERS: Final = frozenset({
    "run", "call", "check_call", "check_output", "Popen", "system", "popen",
    "create_subprocess_exec", "create_subprocess_shell", "execvp",
})  # fmt: skip
_COMMANDS: Final = frozenset({"upload", "download", "list", "profile"})
"""Those whose exit codes change."""


def _text(node: ast.AST) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""


def patched(
    node: ast.Call, given: Sequence[Known], type_of: Callable[[Known, str], str]
) -> Iterator[tuple[Flag, Api]]:
    """Yield the rows of members that a call replaces: ``patch.object(RemoteClient, "...")``.

    Args:
        node: The call.
        given: What its arguments are.
        type_of: Tells which of our types a member comes from.
    """
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in _PATCHES or not node.args:
        return
    whole = _text(node.args[0])
    if whole.startswith("ml_dash."):
        owner, _, member = whole.rpartition(".")
        place = (owner.rpartition(".")[2], member)
    elif len(node.args) > 1 and _text(node.args[1]):
        member = _text(node.args[1])
        place = (type_of(given[0], member), member)
    else:
        return
    row = known.CHANGED.get(place)
    if row is not None:
        yield row


def command_of(node: ast.Call) -> str:
    """Return the command of ``ml-dash`` that a call starts, if its exit codes change."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in _STARTERS or not node.args:
        return ""
    first = node.args[0]
    parts = first.elts if isinstance(first, (ast.List, ast.Tuple)) else node.args
    words = [word for part in parts for word in (_text(part).split() or [""])]
    for at, word in enumerate(words[:-1]):
        if word in ("ml-dash", "ml_dash.cli") and words[at + 1] in _COMMANDS:
            starts = at == 0 or words[at - 1] in ("-m", "&&", "||", ";") or words[0] == "bash"
            return words[at + 1] if starts else ""
    return ""
