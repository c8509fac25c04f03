"""The failure matrix: one table, from which come the tests and the tables of docs/delivery.md.

``python -m tests.delivery.faults`` writes the tables into the page again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.delivery.fault import MODES, SHOWN, Fault, Verdict
from tests.delivery.site import BODY_MAX_BYTES, FILE_MAX_BYTES, World
from tests.delivery.training import STREAMS, Poison

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"
ASLEEP_S = 3.0
"""How long a script sleeps."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        happens: What happens.
        does: What delivery does.
        verdict: What it is to the user.
        todo: What the user has to do.
        faults: Each is a test in every mode, and with a client that is killed meanwhile.
        kept: What is kept where.
    """

    happens: str
    does: str
    verdict: Verdict
    todo: str
    faults: tuple[Fault, ...]
    kept: str = "everything"


def _status(
    name: str, status: int, headers: Mapping[str, str] | None = None, **facts: Any
) -> Fault:
    return Fault(name, {"status": status, "headers": headers or {}}, **facts)


def _refused(status: int, streams: tuple[str, ...] = STREAMS) -> Fault:
    """Return the fault of a server that refuses one record among a thousand."""
    word = f"poison-{status}"
    way = {"status": status, "when": word.encode()}
    poison = Poison({"text": word}, word.encode(), streams)
    return Fault(str(status), way, count=1000, poison=poison)


def nested(levels: int) -> Any:
    """Return objects in objects."""
    return {"d": nested(levels - 1)} if levels else 1


def _trust(world: World, name: str) -> None:
    world.proxy.tls = world.certificates[name]
    world.proxy.hang_up()


def _find(world: World, finds: bool) -> None:
    for script in world.scripts:
        script.do("find_host", finds)
    world.proxy.hang_up()


def _sleep(world: World) -> None:
    """Stop the script in the middle of a request, for longer than it waits for an answer."""
    world.proxy.wait_for(lambda: bool(world.proxy.seen))
    world.training.stop()
    threading.Event().wait(ASLEEP_S)


def _wake(world: World) -> None:
    for script in world.scripts:
        script.go_on()


def _jump(world: World, by_s: float) -> None:
    """Let the clock jump while the script waits to try again."""
    world.training.do("wait_for", "failed (")
    world.training.do("shift_clock", by_s)


def _delete(world: World) -> None:
    from ml_dash.client import RemoteClient

    with RemoteClient(world.site.server.address, world.namespace, api_key=world.token) as client:
        client.delete_project("vision")


_AT_START = {"ML_DASH_CONNECT_TIMEOUT": "0.2", "ML_DASH_CLOSE_TIMEOUT": "0.2"}
AGAIN = "sends the same batch under the same idempotency key"

ROWS: tuple[Row, ...] = (
    Row(
        "500, 502, 504", "tries again after 0 to 0.5 s, then up to twice as long each time, at "
        "most 30 s", Verdict.OUTAGE, "nothing",
        (_status("500", 500), _status("502", 502, modes=("default",)),
         _status("504", 504, modes=("permissive",))),
    ),
    Row(
        "503 or 429 with `Retry-After`", "waits as long as asked, at most 5 min", Verdict.OUTAGE,
        "nothing",
        (_status("503-retry-after", 503, headers={"retry-after": "1"}),
         _status("429-retry-after", 429, headers={"retry-after": "1"}), _status("429", 429)),
    ),
    Row(
        "connection refused, no such host", "tries again", Verdict.OUTAGE,
        "nothing, or mend the URL",
        (Fault("refused", begin=lambda w: w.proxy.close_port(),
               end=lambda w: w.proxy.open_port()),
         Fault("no-such-host", begin=lambda w: _find(w, False), end=lambda w: _find(w, True))),
    ),
    Row(
        "TLS fails", "tries again", Verdict.OUTAGE, "mend the certificate",
        (Fault("tls", begin=lambda w: _trust(w, "strange"), end=lambda w: _trust(w, "own"),
               tls=True),),
    ),
    Row(
        "connection reset in the middle of a request", "tries again", Verdict.OUTAGE, "nothing",
        (Fault("torn", {"kind": "torn"}), Fault("reset", {"kind": "reset"})),
    ),
    Row(
        "the answer is lost: connection reset after the server has stored the batch", AGAIN,
        Verdict.OUTAGE, "nothing", (Fault("reset-after-commit", {"kind": "reset", "after": True}),),
    ),
    Row(
        "no answer in time (30 s)", AGAIN, Verdict.OUTAGE, "nothing",
        (Fault("hang", {"kind": "hang"}, hangs=True),
         Fault("hang-after-commit", {"kind": "hang", "after": True}, hangs=True)),
    ),
    Row(
        "an answer that is cut short, HTML instead of JSON", AGAIN, Verdict.OUTAGE,
        "if it stays: log in to the proxy, or mend the URL",
        (Fault("cut", {"kind": "cut"}), Fault("cut-after-commit", {"kind": "cut", "after": True}),
         Fault("html", {"kind": "page"}), Fault("html-after-commit",
                                                {"kind": "page", "after": True})),
    ),
    Row(
        "302", "tries again; a token never follows a redirect", Verdict.OUTAGE,
        "if it stays: mend the URL",
        (_status("302", 302, headers={"location": "http://ml-dash.test/login"}),),
    ),
    Row(
        "the server is killed and comes back", "goes on where it was", Verdict.OUTAGE, "nothing",
        (Fault("server-killed", begin=lambda w: w.site.server.kill(),
               end=lambda w: w.site.server.start()),),
    ),
    Row(
        "the server's disk is full, that of its database or that of its files", "tries again",
        Verdict.OUTAGE, "make room on the server",
        tuple(
            Fault(f"{name}-disk-full", begin=lambda w, name=name: w.site.disks[name].fill(),
                  end=lambda w, name=name: w.site.disks[name].free(), small_disks=True)
            for name in ("database", "files")
        ),
    ),
    Row(
        "the laptop sleeps", "goes on where it was", Verdict.OUTAGE, "nothing",
        (Fault("asleep", {"kind": "hang", "after": True}, meet=_sleep,
               end=_wake, hangs=True),),
    ),
    Row(
        "the clock jumps, forwards or backwards", "keeps the order in which records came",
        Verdict.UNSEEN, "nothing",
        (Fault("clock-forwards", begin=lambda w: w.training.do("shift_clock", 86_400.0)),
         Fault("clock-backwards", begin=lambda w: w.training.do("shift_clock", -86_400.0))),
    ),
    Row(
        "the clock jumps during an outage", "waits by a clock that does not jump", Verdict.OUTAGE,
        "nothing",
        (Fault("500-and-clock-forwards", {"status": 500}, meet=lambda w: _jump(w, 86_400.0)),
         Fault("500-and-clock-backwards", {"status": 500}, meet=lambda w: _jump(w, -86_400.0))),
    ),
    Row(
        "401 while delivering", "stops, looks for another token every 30 s", Verdict.HALT,
        "`ml-dash login`, or set `ML_DASH_TOKEN` and `ml-dash sync`",
        (Fault("401", begin=lambda w: w.site.revoke(w.user), end=lambda w: w.new_token()),),
    ),
    Row(
        "403", "stops", Verdict.HALT, "get access; then `ml-dash sync`",
        (Fault("403", begin=lambda w: w.site.member(w.namespace, w.user, "reader"),
               end=lambda w: w.site.member(w.namespace, w.user, "admin")),),
    ),
    Row(
        "404, because the run was deleted on the server", "stops", Verdict.HALT,
        "start the run again: it is made anew, and gets what was not delivered before",
        (Fault("404-deleted", begin=_delete, starts_again=True),),
    ),
    Row(
        "400, 409, 413, 422: one record among 1,000", "finds the record by halving the batch, "
        "sets it aside, goes on", Verdict.REFUSAL,
        "`ml-dash rejected list`, `retry`, `export`, `discard`",
        (Fault("400-nested-too-deeply", count=1000, poison=Poison(
            {"deep": nested(100)}, streams=("metrics/train", "logs"))),
         # A conflict of files may pass: it is met a few times before it is a refusal.
         _refused(409, STREAMS[:-1]),
         Fault("413", count=1000, poison=Poison({"text": "x" * (BODY_MAX_BYTES + 1)},
                                                bytes(FILE_MAX_BYTES + 1))),
         _refused(422)),
        kept="the record with the server's words in `rejected.jsonl`, and in its stream",
    ),
    Row(
        "401 or no token at the start",
        "`CredentialsRejectedError`, `NotAuthenticatedError`; PERMISSIVE records without the "
        "server", Verdict.START, "`ml-dash login`; after PERMISSIVE `ml-dash sync`",
        (Fault("401-at-the-start", begin=lambda w: w.site.revoke(w.user),
               end=lambda w: w.new_token(), raises="CredentialsRejectedError"),
         Fault("no-token-at-the-start", env={"ML_DASH_TOKEN": ""},
               end=lambda w: w.env.pop("ML_DASH_TOKEN"), raises="NotAuthenticatedError")),
        kept="nothing is recorded; with PERMISSIVE everything",
    ),
    Row(
        "no server at the start, no such host, TLS fails",
        "tries for 30 s, then `ServerUnreachableError`; PERMISSIVE records without the server",
        Verdict.START, "wait, mend the URL, or `offline=True`; after PERMISSIVE `ml-dash sync`",
        (Fault("refused-at-the-start", begin=lambda w: w.proxy.close_port(),
               end=lambda w: w.proxy.open_port(), env=_AT_START,
               raises="ServerUnreachableError"),
         Fault("no-such-host-at-the-start",
               begin=lambda w: _find(w, False), end=lambda w: _find(w, True), env=_AT_START,
               raises="ServerUnreachableError"),
         Fault("tls-at-the-start", begin=lambda w: _trust(w, "strange"),
               end=lambda w: _trust(w, "own"), tls=True, env=_AT_START,
               raises="ServerUnreachableError"),
         Fault("503-at-the-start", {"status": 503}, env=_AT_START,
               raises="ServerUnreachableError")),
        kept="nothing is recorded; with PERMISSIVE everything",
    ),
)  # fmt: skip

FAULTS = tuple((row.verdict, fault) for row in ROWS for fault in row.faults)


# --- the page ------------------------------------------------------------------------------------


def tables() -> dict[str, str]:
    """Return the tables of the page, by name."""
    return {"failures": _failures(), "modes": _modes()}


def _failures() -> str:
    lines = ["| what happens | what delivery does | you see | kept | what to do |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {row.happens} | {row.does} | {row.verdict.value} | {row.kept} | {row.todo} |"
        for row in ROWS
    ]
    return "\n".join(lines)


def _modes() -> str:
    lines = ["| | STRICT | DEFAULT | PERMISSIVE | when it is over |", "|---|---|---|---|---|"]
    for verdict, shown in SHOWN.items():
        cells = [verdict.value, *(str(shown.modes[mode]) for mode in MODES)]
        over = f'"... {shown.over} ...", logged once at WARNING' if shown.over else ""
        lines.append(f"| {' | '.join([*cells, over])} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """Return the page with the tables as they are now."""
    for name, table in tables().items():
        marks = rf"(<!-- made by tests/delivery/faults.py: {name} -->\n).*?(<!-- end -->)"
        page, found = re.subn(
            marks, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", page, flags=re.DOTALL
        )
        assert found == 1, f"docs/delivery.md has no place for the table {name}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
