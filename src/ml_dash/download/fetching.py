"""Fetching one run, whole or what is missing of it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ml_dash._base import fsio
from ml_dash._base.clock import stamp
from ml_dash._delivery import settling
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.prune import is_written
from ml_dash._delivery.sinks import Server
from ml_dash._delivery.target import folder_of
from ml_dash._record import prefix as prefixes
from ml_dash._store import layout
from ml_dash._store.adopting import adopt
from ml_dash._store.documents import Document
from ml_dash._store.layout import run_folder
from ml_dash._store.run_store import RunStore
from ml_dash.client import RemoteClient
from ml_dash.download import parts
from ml_dash.download.parts import Part
from ml_dash.exceptions import LocalWriteError, MLDashError, RunOpenError
from ml_dash.runs.remote import ServerRun
from ml_dash.runs.run import KINDS

_NOTE: Final = ".ml-dash/download.json"
_LOCK: Final = ".ml-dash/download.lock"


@dataclass
class Downloaded:
    """A run that was fetched.

    Attributes:
        run: The run.
        folder: Where it is.
        fetched: How many records and files were new, by kind.
        failed: What could not be fetched, by part.
        skipped: Why nothing was fetched at all; empty when something was tried.
    """

    run: ServerRun
    folder: Path
    fetched: dict[str, int] = field(default_factory=dict)
    failed: dict[str, MLDashError | OSError] = field(default_factory=dict)
    skipped: str = ""


def download(
    run: ServerRun,
    client: RemoteClient,
    root: str | os.PathLike[str],
    *,
    skip: Collection[str] = (),
    overwrite: bool = False,
    at_once: int = 5,
    seen: Callable[[int], object] = lambda _count: None,
) -> Downloaded:
    """Fetch a run into its folder below a root; what is there of it already stays.

    An interrupted download goes on where it ended. Parts that fail are told in the answer, the
    others are fetched all the same.

    Args:
        run: The run.
        client: Its server.
        root: Where runs are kept.
        skip: Kinds that are left out, of :data:`ml_dash.runs.KINDS`.
        overwrite: Move a folder that was recorded here, or came from elsewhere, aside first.
        at_once: How many parts are fetched at a time.
        seen: Called with the number of records just fetched.

    Raises:
        RunOpenError: another process writes or fetches the run.
        PrefixError: the server's path of the run would lead out of the root.
        LocalWriteError: the folder cannot be written.
        RemoteClientError: the server does not say what there is.
    """
    folder = run_folder(Path(root), prefixes.check(run.path))
    run = run.refresh()  # the list of runs leaves out some of their facts
    try:
        if _is_other(folder, run):
            if not overwrite:
                return Downloaded(run, folder, skipped="it is there already, and did not come from "
                                  f"{run.where}; --overwrite moves it aside")  # fmt: skip
            _move_aside(folder)
        (folder / _LOCK).parent.mkdir(parents=True, exist_ok=True)
        return _locked(run, client, Path(root), folder, skip, at_once, seen)
    except MLDashError:
        raise
    except OSError as error:
        raise LocalWriteError(
            f"Cannot write {folder}: {error.strerror or error}", cause=error,
            kept="what was fetched before", hint="Free some space or mend it, and download again",
            context={"path": str(folder)},
        ) from error  # fmt: skip


def _is_other(folder: Path, run: ServerRun) -> bool:
    """Tell whether a folder holds a run, or parts of one, that was not fetched from there."""
    parts = (layout.DOCUMENT, layout.PARAMETERS, layout.JOURNAL, layout.LOGS, layout.METRICS,
             layout.TRACKS, layout.FILES)  # fmt: skip
    if not any((folder / part).exists() for part in parts):
        return False
    return _noted(folder) != _identity(run)


def _move_aside(folder: Path) -> None:
    if is_written(folder):
        raise _busy(folder)
    os.rename(folder, folder.with_name(f"{folder.name}.replaced-{stamp().replace(':', '')}"))


def _busy(folder: Path) -> RunOpenError:
    return RunOpenError(f"Another process writes {folder}", context={"path": str(folder)},
                        kept="what is in it", hint="Try again when it has ended")  # fmt: skip


def _identity(run: ServerRun) -> dict[str, str]:
    return {"url": run.where, "run_id": run.id}


def _noted(folder: Path) -> dict[str, str] | None:
    try:
        found = json.loads((folder / _NOTE).read_bytes())
        return {"url": found["url"], "run_id": found["run_id"]}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None  # recorded here, or the note was never finished


def _locked(
    run: ServerRun, client: RemoteClient, root: Path, folder: Path, skip: Collection[str],
    at_once: int, seen: Callable[[int], object],
) -> Downloaded:  # fmt: skip
    lease = Lease(folder / _LOCK)
    if not lease.take() or is_written(folder):
        lease.give_back()
        raise _busy(folder)
    try:
        fsio.write_atomic(folder / _NOTE, json.dumps(_identity(run)).encode())
        return _fetched(run, client, root, folder, skip, at_once, seen)
    finally:
        lease.give_back()


def _fetched(
    run: ServerRun, client: RemoteClient, root: Path, folder: Path, skip: Collection[str],
    at_once: int, seen: Callable[[int], object],
) -> Downloaded:  # fmt: skip
    done = Downloaded(run, folder)
    target = folder_of(folder, run.where)
    settling.park(target)  # nobody is to send back what arrives
    store = RunStore(root, prefixes.check(run.path))
    found = _parts(run, client, store, skip, done)
    _fetch_all(found, done, at_once, seen)
    store.release()
    file_ids = _publish(run, root, folder, found, done)
    if not done.failed and not skip:
        server = Server(run.where, run.facts.owner)
        settled = RunStore(root, prefixes.check(run.path))
        settling.settle(settled, server, run.id, _project_of(run), file_ids)
        settled.release()
    return done


def _fetch_all(
    found: list[Part], done: Downloaded, at_once: int, seen: Callable[[int], object]
) -> None:
    """Fetch some parts, several at a time; Ctrl-C ends each after what it is just receiving."""
    stopped = threading.Event()

    def seen_or_stopped(count: int) -> None:
        seen(count)
        if stopped.is_set():
            raise InterruptedError  # nobody waits for the answer any more

    with ThreadPoolExecutor(at_once) as pool:
        tasks = [(part, pool.submit(part.fetch, seen_or_stopped)) for part in found]
        try:
            for part, task in tasks:
                try:
                    done.fetched[part.kind] = done.fetched.get(part.kind, 0) + task.result()
                except (MLDashError, OSError) as error:
                    done.failed[part.name] = error
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _project_of(run: ServerRun) -> str:
    return str((run.raw.get("project") or {}).get("id") or "")


def _parts(
    run: ServerRun, client: RemoteClient, store: RunStore, skip: Collection[str], done: Downloaded
) -> list[Part]:
    """Return what there is to fetch; what cannot even be listed is noted as failed."""
    found: list[Part] = []
    for kind in KINDS:
        if kind not in skip:
            try:
                found += parts.listed(kind, run, client, store)
            except MLDashError as error:
                done.failed[kind] = error
    return found


def _publish(
    run: ServerRun, root: Path, folder: Path, fetched: list[Part], done: Downloaded
) -> list[str]:
    """Write the run's documents: from here on the folder is a run; return the ids of its files."""
    store = RunStore(root, prefixes.check(run.path))
    for part in fetched:
        if part.name not in done.failed:
            part.publish(store)
    Document(folder / layout.DOCUMENT).write(_document(run, folder))
    adopt(store)
    ids = [record["id"] for record in store.files.list()]
    store.logs.open()
    store.logs.flush()
    store.release()
    return ids


def _document(run: ServerRun, folder: Path) -> dict[str, Any]:
    facts = run.facts
    before = Document(folder / layout.DOCUMENT).read_or_empty()
    found = {
        "name": facts.name, "project": facts.project, "description": facts.description,
        "tags": list(facts.tags), "bindrs": run.raw.get("bindrs") or [], "prefix": facts.path,
        "metadata": facts.metadata or None, "created_at": facts.created_at or stamp(),
        "write_protected": bool(run.raw.get("writeProtected")), "status": facts.status,
        "started_at": facts.started_at, "ended_at": facts.ended_at,
    }  # fmt: skip
    same = all(before.get(key) == value for key, value in found.items())
    return before if same else {**found, "updated_at": stamp()} if before else found

