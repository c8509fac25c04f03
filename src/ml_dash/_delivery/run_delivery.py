"""All streams of one run on their way to one server."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from ml_dash._delivery import backoff as backoffs
from ml_dash._delivery.backoff import Backoff
from ml_dash._delivery.beside import Beside
from ml_dash._delivery.cursors import Cursors
from ml_dash._delivery.identity import settle_place
from ml_dash._delivery.lane import Lane, State
from ml_dash._delivery.lease import Lease
from ml_dash._delivery.ports import Sink
from ml_dash._delivery.rejected import Rejected, entries_of
from ml_dash._delivery.report import DeliveryReport
from ml_dash._delivery.room import Room
from ml_dash._delivery.sending import Sending
from ml_dash._delivery.sinks import LogSink, ParamSink, Server
from ml_dash._delivery.sources import FileSource, JournalSource, LineSource
from ml_dash._delivery.status import RunSink, says_end
from ml_dash._delivery.streams import Streams
from ml_dash._delivery.target import TargetFolder
from ml_dash._delivery.uploaded import Uploaded
from ml_dash._delivery.uploads import FileSink
from ml_dash._delivery.verdicts import Done, Halt, Reject, Verdict
from ml_dash._store.layout import JOURNAL, LOGS
from ml_dash._store.run_store import RunStore
from ml_dash.exceptions import AuthenticationError, MLDashError, RunCopiedError

_log = logging.getLogger("ml_dash.delivery")
_LOOK_FOR_TOKEN_EVERY_S = 30.0
_LAST_WORDS_S = 1.0

Told = Callable[[str, Verdict], None]


class RunDelivery:
    """Delivers one run; has no thread, and no patience of its own.

    Args:
        store: The run.
        folder: Where its delivery is noted.
        server: Where it goes.
        told: Called with each verdict that is not plain success, and with the first success after.
        backoff: How long to wait after failures.
        owed_max_bytes: How much of the run may wait; the store refuses more until there is room.
        clock: Seconds, rising.

    Attributes:
        halted: Why nothing is sent until somebody acts.
        wake: Called when files that were on their way have arrived, or cannot now.
        has_more: Whether the last step ended before all was sent that could be.
    """

    def __init__(
        self,
        store: RunStore,
        folder: TargetFolder,
        server: Server,
        told: Told = lambda _stream, _verdict: None,
        *,
        backoff: Backoff | None = None,
        owed_max_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.folder = folder
        self.server = server
        self.lease = Lease(folder.path / "lock")
        self.rejected = Rejected(folder.notes)
        self.halted: MLDashError | None = None
        self.wake: Callable[[], object] = lambda: None
        self.has_more = False
        self._told = told
        self._backoff = backoff or backoffs.USUAL
        self._clock = clock
        self._uploaded = Uploaded(folder.notes / "uploaded.jsonl")
        self._cursors = Cursors(folder.cursors)
        self._run_sink = RunSink(server, folder)
        self._look_again_s = 0.0
        self._ending = ((-1, -1), False)
        self._is_closing = False
        self._close_lock = threading.Lock()
        journal = store.folder / JOURNAL
        self._run_source = JournalSource(journal, "run", "run")
        ids = self._run_id
        self._lanes = Streams(store, server, ids, self._lane, clock, lambda: folder.target.skip)
        add = self._lanes.add
        self._run_lane = add(self._run_source, self._run_sink)
        add(JournalSource(journal, "params", "params"), ParamSink(server, ids))
        add(LineSource(store.folder / LOGS, "logs", "logs"), LogSink(server, ids))
        files = FileSource(journal)
        sink = FileSink(server, ids, lambda: folder.target.project_id, store.files, self._uploaded)
        files_lane = add(files, sink)
        self._files = Beside(files_lane, self._files_paused)
        self.room = None
        if owed_max_bytes is not None:
            self.room = Room(store, lambda: self._lanes, (files, files_lane), owed_max_bytes)

    def _run_id(self) -> str:
        return self.folder.target.run_id

    def _lane(self, source: LineSource, sink: Sink) -> Lane:
        return Lane(
            source, sink, self._cursors, self.rejected,
            self.folder.target.run_key, backoff=self._backoff, clock=self._clock,
            honours_keys=lambda: self.server.honours_keys,
        )  # fmt: skip

    # -- working ---------------------------------------------------------------------------------

    def step(self, *, merge: bool = False, stop: Callable[[], bool] = lambda: False) -> bool:
        """Send what can be sent now; tell whether anything was.

        The caller has the lease.

        Args:
            merge: Whether entries of tracks are put together now, not only every few seconds.
            stop: Tells that no further batch is to be begun.

        Raises:
            CorruptDataError: what the run's folder says about itself is damaged.
            OSError: the run's folder cannot be read.
        """
        self._is_closing = self.has_more = False
        if self.room is not None:
            self.room.look()
        if self.halted is not None and not self._may_go_on():
            return bool(self._note_files())
        if not self._is_at_home():
            return False
        self._lanes.merge_tracks(now=merge)
        self._lanes.find()
        if not self._opened():
            return False
        moved = self._send_all(stop)
        return self._send_end() or moved

    def _is_at_home(self) -> bool:
        """Tell whether this folder is where the run is delivered from, and no copy of it."""
        try:
            settle_place(self.folder)
        except RunCopiedError as error:
            self._note(self._run_lane, Halt(error))
            return False
        return True

    @property
    def prefix(self) -> str:
        """The run's prefix; empty when the folder holds no run.

        Raises:
            CorruptDataError: the run's document is damaged.
            OSError: it cannot be read.
        """
        return str((self.store.document.read() or {}).get("prefix") or "")

    @property
    def is_open(self) -> bool:
        """Whether the server has the run."""
        return bool(self._run_id())

    @property
    def is_held_up(self) -> bool:
        """Whether something waits for the server, or for a person, to recover."""
        return self.halted is not None or self.next_try_s < math.inf

    def _may_go_on(self) -> bool:
        """Tell whether there is another token than the one that was refused; now and then."""
        if not isinstance(self.halted, AuthenticationError) or self._clock() < self._look_again_s:
            return False
        self._look_again_s = self._clock() + _LOOK_FOR_TOKEN_EVERY_S
        self.server.credentials.forget()
        if self.server.credentials.find() in (None, self.server.credentials.last):
            return False
        self.resume()
        return True

    def _opened(self) -> bool:
        """Make sure that the server has the run."""
        if self._run_id():
            return True
        document = self.store.document.read()
        if document is None or not self._run_lane.is_due:
            return False
        verdict = self._run_lane.settle_alone(self._run_sink.open(document))
        self._note(self._run_lane, verdict)
        return isinstance(verdict, Done)

    def _send_all(self, stop: Callable[[], bool]) -> bool:
        """Send from each stream in turn until none has anything that can be sent now."""
        files = self._files.lane
        if files in list(self._lanes):
            self._files.start()
        out = (self._run_lane, files)
        sending = Sending(self._lanes, out, self.server, self._run_id(), stop, self._clock)
        sent = []
        for lane, verdict in sending.verdicts():
            sent += self._note_files()  # in the order in which they came
            self._note(lane, verdict)
        sent += self._note_files()
        self.has_more = sending.is_cut_short
        return sending.moved or any(isinstance(each, (Done, Reject)) for each in sent)

    def _note_files(self) -> list[Verdict]:
        """Take note of what became of files meanwhile, and return it."""
        sent = self._files.verdicts()
        for verdict in sent:
            self._note(self._files.lane, verdict)
        return sent

    @property
    def sends_files(self) -> bool:
        """Whether files are on their way beside the rest, or what became of them is not noted."""
        return self._files.is_busy

    def wait_for_files(self, timeout_s: float) -> None:
        """Wait until no file is on its way, in seconds at most."""
        self._files.wait(timeout_s)

    def _send_end(self) -> bool:
        """Send the run's state: a start at once, an end when all else is dealt with."""
        lane = self._run_lane
        if self.halted is not None or not lane.is_due:
            return False
        if self._is_ending() and any(self._waits(each) for each in self._lanes):
            return False
        verdict = lane.step()
        if verdict is not None:
            self._note(lane, verdict)
        return isinstance(verdict, (Done, Reject))

    def _is_ending(self) -> bool:
        source, cursor = self._run_source, self._run_lane.cursor
        looked = (cursor.offset, source.size())
        if looked != self._ending[0]:
            self._ending = looked, says_end(source.read(*looked, 1 << 30, 1 << 40).lines)
        return self._ending[1]

    def _waits(self, lane: Lane) -> bool:
        if lane is self._run_lane or lane.state is State.HALTED:
            return False
        return self._pending(lane) > 0

    def _pending(self, lane: Lane) -> int:
        return self._lanes.account(lane).pending()

    def _note(self, lane: Lane, verdict: Verdict) -> None:
        if isinstance(verdict, Halt) and verdict.whole_run:
            self.halted = verdict.error
            self._look_again_s = self._clock() + _LOOK_FOR_TOKEN_EVERY_S
        self._told(lane.source.name, verdict)

    # -- telling ---------------------------------------------------------------------------------

    def resume(self) -> None:
        """Try again what was halted or put off: at once, unless the server asked for a wait."""
        self.halted = None
        self.server.credentials.forget()
        asked_s = max(lane.asked_until_s for lane in self._lanes)
        for lane in self._lanes:
            lane.resume(asked_s)

    @property
    def next_try_s(self) -> float:
        """By the clock, when the first stream that backs off tries again; infinity for none."""
        times = [each.not_before_s for each in self._lanes if each.state is State.BACKING_OFF]
        return min(times, default=math.inf)

    def report(self) -> DeliveryReport:
        """Return the account as of now.

        Raises:
            CorruptDataError: what is noted is damaged.
            OSError: the run's folder cannot be read.
        """
        self._lanes.find()
        reasons: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in self.rejected.entries():
            reasons[entry["stream"]][entry["code"]] += 1
        streams = {name: account.report(reasons[name]) for name, account in self._lanes.accounts()}
        return DeliveryReport(
            self.folder.target.url, streams, "" if self.halted is None else str(self.halted),
            folder=str(self.store.folder),
        )  # fmt: skip

    def take_lease(self) -> bool:
        """Take the right to deliver, if nobody else has it; tell whether this process has it.

        Raises:
            OSError: the lock cannot be opened.
        """
        if self.lease.is_held:
            return True
        taken = self.lease.take()
        self.reload()  # another process may have delivered since
        return taken

    def reload(self) -> None:
        """Look on disk again how far the streams are delivered."""
        for lane in self._lanes:
            lane.reload()
        self.folder.reload()
        self._uploaded.reload()

    def reset_after_fork(self) -> None:
        """Start afresh in a forked child."""
        self._close_lock = threading.Lock()
        for lane in self._lanes:
            lane.reset_after_fork()
        self.folder.reload()
        self._uploaded.reload()

    def goal(self) -> dict[str, int]:
        """Return up to where each stream goes now, tracks merged.

        Raises:
            OSError: the run's folder cannot be read or written.
        """
        self._lanes.merge_tracks(now=True)
        self._lanes.find()
        return {lane.source.name: lane.source.size() for lane in self._lanes}

    def reached(self, goal: dict[str, int]) -> bool:
        """Tell whether each stream is dealt with up to where it went then.

        Raises:
            CorruptDataError: a cursor is damaged.
            OSError: a stream cannot be read.
        """
        return all(self._is_past(self._lanes[name], size) for name, size in goal.items())

    def _is_past(self, lane: Lane, size: int) -> bool:
        if lane.cursor.offset >= size or lane is self._run_lane:
            return lane is not self._run_lane or not self._pending(lane)
        # Behind it there may be nothing but blank lines, or events of other kinds.
        offset = lane.cursor.offset
        return not lane.source.read(offset, size, 1, 1).lines

    def close(self) -> None:
        """Give the lease, the connections and the descriptors back.

        A file that is on its way keeps them until its request ends: what is learned then must not
        be noted after somebody else has gone on.
        """
        self._files.stop()
        self._is_closing = True
        if self._files.wait(_LAST_WORDS_S):
            self._close_now()

    def _files_paused(self) -> None:
        if self._is_closing:
            self._close_now()
        else:
            self.wake()

    def _close_now(self) -> None:
        with self._close_lock:
            self.lease.give_back()
            self.server.close()
            for notes in (self.rejected, self._uploaded, self._cursors):
                notes.close()

    def find(self) -> None:
        """Take up streams that were begun since the last look.

        Raises:
            OSError: the run's folder cannot be read.
        """
        self._lanes.find()

    def lane(self, stream: str) -> Lane:
        """Return the lane of a stream."""
        return self._lanes[stream]

    def names(self) -> list[str]:
        """Return the names of the streams, sorted."""
        return sorted(lane.source.name for lane in self._lanes)

    def refused(self) -> list[dict[str, Any]]:
        """Return what the server refused, discarded records included.

        Raises:
            OSError: the notes cannot be read.
        """
        discarded = sorted(self.folder.notes.glob("discarded-*.jsonl"))
        return [*self.rejected.entries(), *(e for path in discarded for e in entries_of(path))]
