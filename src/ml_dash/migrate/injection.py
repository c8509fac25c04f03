"""Making calls that 1.0 changes fail, one at a time, inside a program that is being rehearsed.

Nothing here runs in ordinary programs: ``import ml_dash`` looks for the environment variable
:data:`FOLDER` and installs it only then.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import ml_dash.exceptions as errors
from ml_dash._base.attribution import user_site
from ml_dash.exceptions import MLDashError
from ml_dash.flags import TABLE, Api

FOLDER: Final = "ML_DASH_REHEARSAL"
"""The folder in which a rehearsal and the program that it runs tell each other what happens."""

MET: Final = "met.jsonl"
RAISED: Final = "raised.jsonl"
PLAN: Final = "plan.json"

_CLASSES: Final = {
    "RemoteClient": "client", "FileBuilder": "files", "BindrsBuilder": "files",
    "FilesAccessor": "files", "ParametersBuilder": "params", "MetricBuilder": "metric",
    "TrackBuilder": "track", "LocalStorage": "storage",
    "PlaintextFileStorage": "auth.token_storage",
}  # fmt: skip
_SPECIAL: Final = {
    "bool(userinfo)": ("client", "UserInfo", ("__bool__", "fetch_or_raise")),
    "Config": ("config", "Config", ("__init__",)),
}  # fmt: skip
_OURS: Final = str(Path(errors.__file__).parents[1]) + os.sep
_CONCRETE: Final = {"RemoteClientError": "NetworkError"}
"""What is raised for a class that stands for several."""


@dataclass(frozen=True)
class Call:
    """A call of the program that 1.0 changes.

    Attributes:
        file: Where it is.
        line: Its line, from 1.
        api: What is called, as the flag table has it.
        raises: The error that it may raise.
    """

    file: str
    line: int
    api: str
    raises: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.api}"


class Injector:
    """Notes the calls that are met, and makes one of them fail, once.

    Args:
        met: Called with each call when it is met first.
        raised: Called with the call that was made to fail.
    """

    def __init__(
        self, met: Callable[[Call], object], raised: Callable[[Call], object] = lambda _call: None
    ) -> None:
        self._met = met
        self._raised = raised
        self._seen: set[Call] = set()
        self._plan: Call | None = None
        self._lock = threading.Lock()

    def plan(self, call: Call | None) -> None:
        """Choose the call that fails the next time that it is made."""
        self._plan = call

    def visit(self, api: Api) -> None:
        """Take note of a call that is being made.

        Raises:
            MLDashError: it is the one that is to fail.
        """
        site = user_site()
        for name in api.raises:
            call = Call(site.file, site.line, api.name, _CONCRETE.get(name, name))
            with self._lock:
                new = call not in self._seen
                self._seen.add(call)
                due = call == self._plan
                self._plan = None if due else self._plan
            if new:
                self._met(call)
            if due:
                self._raised(call)
                raise _error(call)


def _error(call: Call) -> MLDashError:
    made: MLDashError = getattr(errors, call.raises)(
        f"{call.api} fails here because this is a rehearsal of ml-dash 1.0",
        kept="everything: nothing has really failed", hint="Handle the error, or let it end the "
        "program on purpose", context={"rehearsal": True, "key": call.api},
    )  # fmt: skip
    return made


# -- installing ------------------------------------------------------------------------------------


def install(injector: Injector) -> Callable[[], None]:
    """Have all calls that 1.0 changes visit an injector; return what undoes that."""
    undo: list[tuple[type, str, Any]] = []
    for owner, name, api in _targets():
        before = vars(owner).get(name)
        undo.append((owner, name, before))
        setattr(owner, name, _visiting(getattr(owner, name), injector, api))

    def restore() -> None:
        for owner, name, before in reversed(undo):
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    return restore


def _targets() -> Iterator[tuple[type, str, Api]]:
    for flag in TABLE:
        for api in flag.apis if _answers(flag.id) else ():
            where, _, name = api.name.rpartition(".")
            if api.name in _SPECIAL:
                module, owner, names = _SPECIAL[api.name]
                for each in names:
                    yield getattr(import_module(f"ml_dash.{module}"), owner), each, api
            elif where == "userinfo":
                yield import_module("ml_dash.client").UserInfo, name, api
            elif where in _CLASSES:
                for kind in _owners(where, name):
                    for sibling in (name, api.or_raise, api.or_none):
                        if sibling is not None:
                            yield kind, sibling, api


def is_injected(name: str) -> bool:
    """Tell whether calls of a public name can be made to fail."""
    return any(api.name == name for _, _, api in _targets())


def _owners(where: str, name: str) -> Iterator[type]:
    """Yield the classes that have a member: `exp.files.list()` is that of a builder, too."""
    also = ("FilesAccessor",) if (where, name) == ("FileBuilder", "list") else ()
    for each in (where, *also):
        yield getattr(import_module(f"ml_dash.{_CLASSES[each]}"), each)


def _answers(flag_id: str) -> bool:
    """Tell whether a flag is about answers; the others are about what the caller gives."""
    return flag_id in ("MLD001", "MLD002", "MLD003", "MLD004")


def _visiting(member: Any, injector: Injector, api: Api) -> Any:
    if isinstance(member, property):
        assert member.fget is not None
        return property(_visiting(member.fget, injector, api), doc=member.__doc__)

    @functools.wraps(member)
    def visiting(*args: Any, **kwargs: Any) -> Any:
        # What the package itself calls is no call of the program.
        if not sys._getframe(1).f_code.co_filename.startswith(_OURS):
            injector.visit(api)
        return member(*args, **kwargs)

    return visiting


# -- in a program of its own -----------------------------------------------------------------------


def install_from_environment() -> None:
    """Install what the rehearsal that started this process asks for."""
    folder = Path(os.environ[FOLDER])

    def note(name: str, call: Call) -> None:
        with open(folder / name, "ab", buffering=0) as file:
            file.write(json.dumps(asdict(call)).encode() + b"\n")

    injector = Injector(functools.partial(note, MET), functools.partial(note, RAISED))
    plan = folder / PLAN
    if plan.exists():
        injector.plan(Call(**json.loads(plan.read_bytes())))
    install(injector)
