"""The run itself on the server: made, described, and told how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ml_dash._delivery.ports import Batch, Bounds
from ml_dash._delivery.sinks import Server, events
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.verdicts import Reject, Retry, Verdict, attempt
from ml_dash._record import codec
from ml_dash._record import prefix as prefixes
from ml_dash.exceptions import PrefixError

Document = dict[str, Any]
RUNNING: Final = "RUNNING"
_CONFLICT: Final = 409
_CONFLICTS_MAX: Final = 5


def owner_of(prefix: str) -> str:
    """Return the namespace that a run belongs to on a server.

    Raises:
        PrefixError: the prefix names none.
    """
    owner = prefixes.split(prefix).owner
    if owner is not None:
        return owner
    raise PrefixError(
        f"The prefix {prefix!r} names no owner and project, which a server needs",
        hint="Write 'owner/project/name'",
        context={"prefix": prefix},
    )


def register(server: Server, document: Document) -> dict[str, Any]:
    """Make the run on the server, or take it up, and return the answer.

    Raises:
        RemoteClientError: a request failed.
        PrefixError: the prefix names no owner and project.
    """
    prefix = document["prefix"]
    owner_of(prefix)
    parts = prefixes.split(prefix)
    return server.create_or_update_experiment(
        str(parts.project), parts.segments[-1], document.get("description"),
        document.get("tags"), document.get("bindrs"), "/".join(parts.segments),
        bool(document.get("write_protected")), document.get("metadata"),
    )  # fmt: skip


def ids_of(answer: dict[str, Any]) -> dict[str, str]:
    """Return what is noted of the answer to :func:`register`."""
    run = answer["experiment"]
    project = answer.get("project")
    found = project.get("id") if isinstance(project, dict) else None
    return {"run_id": str(run["id"]), "project_id": str(run.get("projectId") or found or "")}


class RunSink:
    """Takes the run's document: the last state counts."""

    bounds = Bounds(1000)
    doubles = False

    def __init__(self, server: Server, folder: TargetFolder) -> None:
        self._server = server
        self._folder = folder
        self._conflicts = Conflicts()

    def send(self, batch: Batch) -> Verdict:
        """Send the last state; sent twice it does what it does when sent once."""
        verdict = attempt(lambda: self._tell(events(batch.lines)))
        return self._conflicts.judged(batch.key, verdict)

    def part(self, batch: Batch) -> None:
        """Return None: it goes by itself."""

    def open(self, document: Document) -> Verdict:
        """Make the run on the server, so that its records have somewhere to go."""
        verdict = attempt(lambda: self._register(document))
        return self._conflicts.judged("", verdict)

    def _tell(self, states: list[Document]) -> None:
        last = states[-1]
        status = last.get("status") or RUNNING
        if len(states) > 1 or status == RUNNING or not self._folder.target.run_id:
            self._register(last)
        if status != RUNNING:
            self._server.update_experiment_status(self._folder.target.run_id, status)

    def _register(self, document: Document) -> None:
        placed = {**document, "prefix": self._folder.target.prefix or document["prefix"]}
        self._folder.note(**ids_of(register(self._server, placed)))


def says_end(states: Sequence[bytes]) -> bool:
    """Tell whether the last of a run's states, as stored, is its end."""
    if not states:
        return False
    try:
        return bool(codec.decode(states[-1])["data"]["status"] != RUNNING)
    except (ValueError, KeyError, TypeError):
        return False


class Conflicts:
    """Tells a conflict that passes from one that stays: a name that is taken for good."""

    def __init__(self) -> None:
        self._key = ""
        self._met = 0

    def judged(self, key: str, verdict: Verdict) -> Verdict:
        """Return a verdict on a batch; a conflict is to be retried the first few times."""
        retried = retried_conflict(verdict)
        self._met = 0 if retried is verdict or key != self._key else self._met
        self._key = key
        if retried is verdict:
            return verdict
        self._met += 1
        return retried if self._met < _CONFLICTS_MAX else verdict


def retried_conflict(verdict: Verdict) -> Verdict:
    """Return a conflict between two processes that make the same node as one to be retried."""
    if isinstance(verdict, Reject) and verdict.error.context.get("status") == _CONFLICT:
        return Retry(verdict.error)
    return verdict
