"""For each public name of the flag table: a fault, and the call that meets it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

from ml_dash import Experiment, LocalStorage, RemoteClient
from ml_dash._remote.retry import RetryPolicy
from ml_dash.auth.token_storage import (
    PlaintextFileStorage,
    decode_jwt_payload,
    decode_jwt_payload_or_raise,
)
from ml_dash.client import UserInfo
from ml_dash.config import Config

Call = Callable[[], Any]


@dataclass(frozen=True)
class Met:
    """The calls to make once a fault is in place.

    Attributes:
        old: The call by its name of 0.6.
        or_raise: The sibling that raises in every release; None where there is none.
        or_none: The sibling that answers None only for what is not there.
    """

    old: Call
    or_raise: Call | None = None
    or_none: Call | None = None


@dataclass(frozen=True)
class Case:
    """A name whose answer a flag changes.

    Attributes:
        api: Its row of the table.
        answer: What 0.6 answers.
        error: The class that is raised instead.
        fault: Puts the fault in place in a folder, with what an experiment is built with.
    """

    api: str
    answer: Any
    error: str
    fault: Callable[[Path], Any] = field(repr=False)


CASES: list[Case] = []


def case(api: str, answer: Any, error: str) -> Callable[[Any], Any]:
    """Add a case."""

    def add(fault: Any) -> Any:
        CASES.append(Case(api, answer, error, contextmanager(fault)))
        return fault

    return add


# --- servers ------------------------------------------------------------------------------------


class _Nothing(BaseHTTPRequestHandler):
    """Answers everything with an object that lacks what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"data": null}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def server() -> Iterator[str]:
    """Run a server that lacks everything, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Nothing) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, args=(0.005,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}"
        finally:
            running.shutdown()
            thread.join()


def _client(url: str) -> RemoteClient:
    once = RetryPolicy(attempts=1)
    return RemoteClient(url, namespace="ann", api_key="token", retry=once)


def _remote(name: str, answer: Any, *args: Any, none: bool = False) -> None:
    def fault(_place: Path) -> Iterator[Met]:
        with server() as url, _client(url) as client:
            yield Met(
                lambda: getattr(client, name)(*args),
                lambda: getattr(client, f"{name}_or_raise")(*args),
                (lambda: getattr(client, f"{name}_or_none")(*args)) if none else None,
            )

    case(f"RemoteClient.{name}", answer, "InvalidResponseError")(fault)


_remote("get_project_id", None, "vision", none=True)
_remote("get_current_user", None, none=True)
_remote("get_experiment_graphql", None, "vision", "run", none=True)
_remote("list_projects_graphql", [])
_remote("list_experiments_graphql", [], "vision")
_remote("search_experiments_graphql", [], "v*/*")
_remote("list_files", [], "7")
_remote("list_tracks", [], "7")
_remote("get_parameters", {}, "7")
_remote("graphql_query", {}, "{ me { id } }")


def _userinfo(api: str, ask: Callable[[UserInfo], Any], answer: Any) -> None:
    def fault(_place: Path) -> Iterator[Met]:
        from ml_dash.run import RUN

        user = UserInfo()
        token = mock.patch.dict(os.environ, ML_DASH_TOKEN="token")
        with server() as url, mock.patch.object(RUN, "api_url", url), token:
            yield Met(lambda: ask(user), user.fetch_or_raise)

    case(api, answer, "InvalidResponseError")(fault)


for _name in ("username", "email", "name", "given_name", "family_name", "picture", "id"):
    _userinfo(f"userinfo.{_name}", lambda user, _name=_name: getattr(user, _name), None)
_userinfo("bool(userinfo)", bool, False)


# --- configuration and tokens -------------------------------------------------------------------


@case("Config", None, "CorruptDataError")
def _config(place: Path) -> Iterator[Met]:
    (place / "config.json").write_text("{")
    yield Met(lambda: Config(place).get("x"), lambda: Config.load_or_raise(place))


@case("PlaintextFileStorage.load", None, "DamagedTokensError")
def _tokens(place: Path) -> Iterator[Met]:
    (place / "tokens.json").write_text("{")
    store = PlaintextFileStorage(place, warn_now=False)
    yield Met(lambda: store.load("k"), lambda: store.load_or_raise("k"))


@case("decode_jwt_payload", {}, "MalformedTokenError")
def _jwt(_place: Path) -> Iterator[Met]:
    yield Met(lambda: decode_jwt_payload("x"), lambda: decode_jwt_payload_or_raise("x"))


# --- a run on disk ------------------------------------------------------------------------------


@contextmanager
def _run(place: Path) -> Iterator[Experiment]:
    with Experiment("o/p/n", dash_root=place).run as exp:
        yield exp


def _unreadable_index(api: str, answer: Any, part: Callable[[Experiment], Any]) -> None:
    name = api.rpartition(".")[2]

    def fault(place: Path) -> Iterator[Met]:
        with _run(place) as exp:
            index = exp.folder / "files" / ".files_metadata.json"
            index.mkdir(parents=True)  # a folder cannot be read as a file, not even by root
            yield Met(getattr(part(exp), name), getattr(part(exp), f"{name}_or_raise"))
            index.rmdir()

    case(api, answer, "FileReadError")(fault)


_unreadable_index("FileBuilder.exists", False, lambda exp: exp.files("a"))
_unreadable_index("FileBuilder.list", [], lambda exp: exp.files("a"))
_unreadable_index("BindrsBuilder.list", [], lambda exp: exp.bindrs("b"))


@contextmanager
def _two_files(place: Path) -> Iterator[Experiment]:
    with _run(place) as exp:
        for folder in ("a", "b"):
            exp.files(folder).save_text(folder, to="x.txt")
        yield exp


@case("FileBuilder.download", "a", "AmbiguousFileError")
def _download(place: Path) -> Iterator[Met]:
    with _two_files(place) as exp:
        target = place / "copy.txt"
        yield Met(lambda: Path(exp.files("x.txt").download(to=target)).read_text())


@case("FileBuilder.read_text", "a", "AmbiguousFileError")
def _read_text(place: Path) -> Iterator[Met]:
    with _two_files(place) as exp:
        yield Met(exp.files("x.txt").read_text)


def _damage(path: Path, line: bytes) -> None:
    with open(path, "ab") as file:
        file.write(line + b"\n")


@contextmanager
def _damaged_run(place: Path) -> Iterator[Experiment]:
    """Yield a run in which a metric and a track have a damaged line, and one of each is broken."""
    with _run(place) as exp:
        exp.metrics("m").log(a=1)
        exp.tracks("t").append(_ts=1, x=1)
        exp.flush()
        _damage(exp.folder / "metrics" / "m" / "data.jsonl", b'{"index": 1, "data": nonsense}')
        _damage(exp.folder / "tracks" / "t" / "data.jsonl", b"nonsense")
        yield exp
        (exp.folder / "tracks" / "t" / "data.jsonl").write_bytes(b"")


def _damaged(api: str, answer: Any, part: Callable[[Experiment], Any], *args: Any) -> None:
    name = api.rpartition(".")[2]

    def fault(place: Path) -> Iterator[Met]:
        with _damaged_run(place) as exp:
            yield Met(
                lambda: _short(getattr(part(exp), name)(*args)),
                lambda: getattr(part(exp), f"{name}_or_raise")(*args),
            )

    case(api, answer, "CorruptDataError")(fault)


def _short(found: Any) -> Any:
    """Return the values found, without indexes, times and ids."""
    if isinstance(found, dict):
        found = found.get("data", found.get("entries", found))
    if isinstance(found, list):
        return [each.get("data", {k: each[k] for k in each if k == "x"}) for each in found]
    return found


_STORED = ("o", "p", "o/p/n")
_damaged("MetricBuilder.read", [{"a": 1}], lambda exp: exp.metrics("m"))
_damaged("TrackBuilder.read", [{"x": 1}], lambda exp: exp.tracks("t"))
_damaged("TrackBuilder.list_entries", [{"x": 1}], lambda exp: exp.tracks("t"))
_damaged("LocalStorage.read_metric_data", [{"a": 1}], lambda exp: exp._storage, *_STORED, "m")
_damaged("LocalStorage.read_track_data", [{"x": 1}], lambda exp: exp._storage, *_STORED, "t")


@contextmanager
def _one_good_one_bad(place: Path) -> Iterator[Experiment]:
    """Yield a run with a good metric and track, and a broken one of each."""
    with _run(place) as exp:
        exp.metrics("good").log(a=1)
        exp.tracks("good").append(_ts=1, x=1)
        exp.flush()
        for kind in ("metrics", "tracks"):
            broken = exp.folder / kind / "bad"
            broken.mkdir()
            (broken / "data.jsonl").write_bytes(b"nonsense\n")
        yield exp


def _lists(api: str, part: Callable[[Experiment], Any], *args: Any) -> None:
    name = api.rpartition(".")[2]

    def fault(place: Path) -> Iterator[Met]:
        with _one_good_one_bad(place) as exp:
            yield Met(
                lambda: [_name_of(row) for row in getattr(part(exp), name)(*args)],
                lambda: getattr(part(exp), f"{name}_or_raise")(*args),
            )

    case(api, ["good"], "CorruptDataError")(fault)


def _name_of(row: dict[str, Any]) -> Any:
    return row.get("name") or row["topic"]


_lists("MetricBuilder.list_all", lambda exp: exp.metrics("good"))
_lists("LocalStorage.list_metrics", lambda exp: exp._storage, *_STORED)
_lists("LocalStorage.list_tracks", lambda exp: exp._storage, *_STORED)


def _old_run(place: Path) -> LocalStorage:
    """Return a store with a run of 0.6 whose parameters are damaged."""
    folder = place / "o" / "p" / "n"
    folder.mkdir(parents=True)
    (folder / "parameters.json").write_text("{")
    return LocalStorage(place)


@case("LocalStorage.read_parameters", None, "CorruptDataError")
def _parameters(place: Path) -> Iterator[Met]:
    store = _old_run(place)
    yield Met(
        lambda: store.read_parameters(*_STORED), lambda: store.read_parameters_or_raise(*_STORED)
    )


@case("LocalStorage.list_files", [], "FileReadError")
def _files(place: Path) -> Iterator[Met]:
    store = _old_run(place)
    (place / "o" / "p" / "n" / "files" / ".files_metadata.json").mkdir(parents=True)
    yield Met(lambda: store.list_files(*_STORED), lambda: store.list_files_or_raise(*_STORED))


@case("ParametersBuilder.get", {}, "CorruptDataError")
def _get(place: Path) -> Iterator[Met]:
    _old_run(place)
    with _run(place) as exp:
        yield Met(exp.params.get, exp.params.get_or_raise)


# --- values and arguments -----------------------------------------------------------------------


@case("MetricBuilder.buffer", {"x": [1.0]}, "InvalidValueError")
def _buffer(place: Path) -> Iterator[Met]:
    with _run(place) as exp:

        def old() -> Any:
            exp.metrics("m").buffer(x=1, y="word")
            return exp.metrics.buffer.peek("m")

        yield Met(old)
        exp.metrics.buffer.log_summary()


@case("SummaryCache.store", {"x": [1.0]}, "InvalidValueError")
def _store(place: Path) -> Iterator[Met]:
    with _run(place) as exp:
        cache = exp.metrics("m").summary_cache

        def old() -> Any:
            cache.store(x=1, y="word")
            return cache.peek()

        yield Met(old)
        cache.summarize()


@case("ParametersBuilder.set", {"a.b": 2}, "InvalidValueError")
def _set(place: Path) -> Iterator[Met]:
    with _run(place) as exp:

        def old() -> Any:
            exp.params.set(**{"a.b": 1, "a": {"b": 2}})
            return exp.params.get()

        yield Met(old)


@case("TrackBuilder.append", [12.0], "InvalidValueError")
def _append(place: Path) -> Iterator[Met]:
    with _run(place) as exp:

        def old() -> Any:
            track = exp.tracks("t").append(_ts="12", x=1)
            return [entry["timestamp"] for entry in track.read()["entries"]]

        yield Met(old)


def _argument(api: str, error: str, prefix: str = "o/p/n", **given: Any) -> None:
    def fault(place: Path) -> Iterator[Met]:
        chosen = {key: value(place) if callable(value) else value for key, value in given.items()}
        where = {} if "local_path" in chosen else {"dash_root": place}

        def old() -> Any:
            return Experiment(prefix, **where, **chosen).folder.relative_to(place).as_posix()

        yield Met(old)

    case(api, prefix, error)(fault)


_argument("Experiment", "UsageError", colour="red")
_argument("Experiment.prefix", "PrefixError", prefix="short")
_argument("Experiment.remote", "UsageError", remote="http://127.0.0.1:9")
_argument("Experiment.local_path", "UsageError", local_path=lambda place: place)


@case("Experiment.log", "LogBuilder", "UsageError")
def _log(place: Path) -> Iterator[Met]:
    with _run(place) as exp:
        yield Met(lambda: type(exp.log()).__name__)


@case("files", "a", "UsageError")
def _option(place: Path) -> Iterator[Met]:
    with _run(place) as exp:
        yield Met(lambda: exp.files("m", colour="red").save_text("x", to="a")["filename"])


@case("strict_errors", None, "LocalWriteError")
def _broken_disk(place: Path) -> Iterator[Met]:
    with _run(place) as exp:
        lines = exp.folder / "logs" / "logs.jsonl"
        lines.mkdir(parents=True)  # a folder cannot be appended to, not even by root
        try:
            yield Met(lambda: exp.log("text"))
        finally:
            lines.rmdir()
            exp.flush()
