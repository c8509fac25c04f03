"""Sending a run's folder to a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ml_dash._delivery import bulk
from ml_dash._delivery.bulk import Outcome
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.status import ids_of, register
from ml_dash._delivery.target import TargetFolder, folder_of
from ml_dash._record import prefix as prefixes
from ml_dash.exceptions import MLDashError, PrefixError, RemoteRejectedError
from ml_dash.runs.folders import LocalRun


@dataclass(frozen=True)
class Uploaded:
    """A run that was brought to a server.

    Attributes:
        run: The run.
        outcome: How it was left.
        report: Its account.
        damaged: What in its folder could not be read, and so was not sent.
    """

    run: LocalRun
    outcome: Outcome
    report: DeliveryReport
    damaged: tuple[MLDashError, ...] = ()


def upload(
    run: LocalRun,
    url: str,
    *,
    target: str = "",
    skip: Collection[str] = (),
    append: bool = False,
    api_key: str | None = None,
    live: bool = False,
    patience_s: float = 60.0,
    seen: Callable[[DeliveryReport], object] = lambda _report: None,
    stop: threading.Event | None = None,
) -> Uploaded:
    """Bring a run to a server; what is there already is not sent again.

    Args:
        run: The run, from :func:`find_runs`.
        url: The server.
        target: Where it goes there, as ``owner/project[/folder]``; its name is appended. Its own
            prefix when empty.
        skip: Kinds of streams that stay here, of :data:`ml_dash.runs.KINDS`.
        append: Send it also when the server has records of it that did not come from this folder.
        api_key: The token; found as for ``RemoteClient`` when omitted.
        live: Also while somebody writes it.
        patience_s: How long to go on without any success, in seconds.
        seen: Called with the account after each batch.
        stop: Ends it after the batch that is under way.

    Returns:
        How it was left; failures on the way are in its report.

    Raises:
        PrefixError: ``target`` names no owner and project.
        RemoteRejectedError: the server has records of it that did not come from this folder.
        RemoteClientError: the server cannot be asked.
        CorruptDataError: the run's document is damaged.
        OSError: the folder cannot be read or written.
    """
    place = _place(run, target)
    folder = folder_of(run.folder, url, place if target else "")
    made = not folder.is_made
    if made:
        # Its own prefix is not noted: the document says it, and may come to say another.
        own = target or run.document.get("prefix") is None
        folder.make(
            url, spool=False, prefix=place if own else "", run_prefix="" if own else place
        )
    if folder.target.skip != tuple(skip):
        folder.note(skip=tuple(skip))
    if not folder.target.run_id and not append:
        try:
            _refuse_twice(run, folder, place, api_key)
        except BaseException:
            if made:
                folder.forget()
            raise
    done = bulk.sync(
        run.folder, folder, live=live, patience_s=patience_s, seen=seen, stop=stop, api_key=api_key
    )
    return Uploaded(run, done.outcome, done.report, done.damaged)


def _place(run: LocalRun, target: str) -> str:
    """Return where a run goes on the server.

    Raises:
        PrefixError: the target names no owner and project, or is no path.
    """
    if not target:
        return run.prefix
    if len(prefixes.check(target)) < 2:
        raise PrefixError(f"The target {target!r} names no owner and project",
                          hint="Write 'owner/project' or 'owner/project/folder'",
                          context={"prefix": target})  # fmt: skip
    return f"{target.strip('/')}/{prefixes.split(run.prefix).name}"


def _refuse_twice(run: LocalRun, folder: TargetFolder, place: str, api_key: str | None) -> None:
    """Refuse a run of which the server has records, while nothing of it was sent from here.

    Its id there is noted last: who is killed before looks again the next time.
    """
    with bulk.opened(run.folder, folder, api_key=api_key) as delivery:
        ids = ids_of(register(delivery.server, {**run.document, "prefix": place}))
        there = _records_there(delivery.server, ids["run_id"])
    if there:
        raise RemoteRejectedError(
            f"The server has {there} of {place} that did not come from here",
            kept="nothing was sent", context={"path": str(run.folder)},
            hint="Give --target to put the run elsewhere, or --append to send all of it as well",
        )  # fmt: skip
    folder.note(**ids)


def _records_there(server: Server, run_id: str) -> str:
    """Return what records a server has of a run, in words; empty for none."""
    found = []
    if server.query_logs(run_id, 1)["logs"]:
        found.append("log lines")
    found += ["metrics"] if server.list_metrics(run_id) else []
    found += ["tracks"] if server.list_tracks_or_raise(run_id) else []
    found += ["files"] if server.list_files_or_raise(run_id) else []
    return " and ".join(found)
