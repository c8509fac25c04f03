"""Many small files in few requests of the project's own server: each once, in its place, whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ml_dash import Experiment
from ml_dash._delivery.bulk import Outcome, opened, sync
from ml_dash._delivery.small_files import BUNDLE_MAX_FILES, SMALL_MAX_BYTES
from ml_dash._delivery.target import folder_of
from ml_dash._delivery.verify import verify
from tests.delivery.proxy import Proxy
from tests.server.running import RunningServer

pytest.importorskip("uvicorn")
COUNT = 230


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Return the project's server, for all tests of this module; it takes no large bodies."""
    limits = {"ML_DASH_SERVER_BODY_MAX_BYTES": "300000"}
    server = RunningServer(tmp_path_factory.mktemp("server"), settings=limits)
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _environment(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have little patience."""
    monkeypatch.setenv("ML_DASH_REQUEST_TIMEOUT", "2")


def run_of(proxy: Proxy, tmp_path: Path, name: str) -> Experiment:
    """Return a run that is recorded now, and delivered by a sync."""
    return Experiment(f"alice/small/{name}", dash_url=proxy.url, dash_root=tmp_path, echo=False,
                      offline=True)  # fmt: skip


def store(exp: Experiment, count: int, start: int = 0) -> dict[str, bytes]:
    """Store small files in some folders, and return them by path."""
    stored = {}
    for number in range(start, start + count):
        text = f"{number} " * 100
        folder = f"part-{number % 7}/deep"
        exp.files(folder).save_text(text, to=f"{number}.txt")
        stored[f"{folder}/{number}.txt"] = text.encode()
    return stored


def synced(exp: Experiment, proxy: Proxy) -> Outcome:
    """Deliver what a run owes."""
    return sync(exp.folder, folder_of(exp.folder, proxy.url)).outcome


def there(exp: Experiment, proxy: Proxy) -> dict[str, bytes]:
    """Return the files that the server has of a run, by path; none is there twice."""
    run_id = folder_of(exp.folder, proxy.url).target.run_id
    with httpx.Client(base_url=f"http://{proxy.behind}/api", trust_env=False) as client:
        params = {"pattern": "**", "experimentId": run_id, "limit": 1000}
        found = client.get("/search/files", params=params).raise_for_status().json()["files"]
        files = {
            each["path"]: client.get(f"/nodes/{each['id']}/download").content for each in found
        }  # fmt: skip
    assert len(files) == len(found)
    return files


def singles(proxy: Proxy) -> int:
    """Return how many requests to the tree there were: for the run, for folders and files."""
    return proxy.count("/nodes")


def test_many_files_are_few_requests(proxy: Proxy, tmp_path: Path) -> None:
    """230 files in 14 folders are three requests; large ones among them go by themselves."""
    exp = run_of(proxy, tmp_path, "few")
    with exp.run:
        stored = store(exp, COUNT)
        large = b"\0" * (SMALL_MAX_BYTES + 1)
        for name in ("a.bin", "b.bin"):
            (tmp_path / name).write_bytes(large)
            exp.files("large").upload(str(tmp_path / name))
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert there(exp, proxy) == {**stored, "large/a.bin": large, "large/b.bin": large}
    assert proxy.count("/files") <= -(-COUNT // BUNDLE_MAX_FILES) + 1
    assert singles(proxy) <= 6  # the run, a folder, and the two files
    with opened(exp.folder, folder_of(exp.folder, proxy.url)) as delivery:
        (row,) = [each for each in verify(delivery) if each.stream == "files"]
    assert row.same


def test_what_is_said_about_files_arrives(proxy: Proxy, tmp_path: Path) -> None:
    """Description, tags, metadata with NaN and type, as for files that go by themselves."""
    exp = run_of(proxy, tmp_path, "said")
    said = {"description": "d", "tags": ["a", "b"], "metadata": {"x": float("nan"), "n": 7}}
    with exp.run:
        for number in range(3):
            exp.files("f", **said).save_json({"n": number}, to=f"{number}.json")  # type: ignore[arg-type]
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert proxy.count("/files") == 1
    with opened(exp.folder, folder_of(exp.folder, proxy.url)) as delivery:
        found = delivery.server.list_files_or_raise(delivery.folder.target.run_id)
    assert len(found) == 3
    for each in found:
        assert (each["description"], each["tags"]) == ("d", ["a", "b"])
        assert str(each["metadata"]) == str(said["metadata"])
        assert each["physicalFile"]["contentType"] == "application/json"


@pytest.mark.parametrize("kind", ["reset", "cut", "page", "hang"])
def test_files_whose_answer_is_lost_are_stored_once(
    proxy: Proxy, tmp_path: Path, kind: str
) -> None:
    """Sent again they are known by their keys, and nothing is told of them a second time."""
    exp = run_of(proxy, tmp_path, f"lost-{kind}")
    with exp.run:
        stored = store(exp, COUNT)
    proxy.fail(kind, part="/files", times=2, after=True)
    while synced(exp, proxy) is not Outcome.DELIVERED:
        assert proxy.count("/files") < 20
    assert there(exp, proxy) == stored
    assert proxy.count("/nodes/", "PATCH") <= 1  # the end of the run


def test_a_server_that_offers_nothing_gets_them_one_by_one(proxy: Proxy, tmp_path: Path) -> None:
    """As servers of 0.6 do."""
    proxy.is_old = True
    exp = run_of(proxy, tmp_path, "old")
    with exp.run:
        stored = store(exp, 20)
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert there(exp, proxy) == stored
    assert proxy.count("/files") == 0
    assert singles(proxy) >= 20


@pytest.mark.parametrize("status", [404, 405, 415, 422])
def test_a_request_that_is_refused_whole_is_no_halt(
    proxy: Proxy, tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Where something on the way takes none, the files go one by one, and the log says so."""
    caplog.set_level("INFO", "ml_dash.delivery")
    exp = run_of(proxy, tmp_path, f"whole-{status}")
    with exp.run:
        stored = store(exp, 20)
    proxy.fail(part="/files", status=status, times=1000)
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert there(exp, proxy) == stored
    assert proxy.count("/files") == 1
    (line,) = [each for each in caplog.messages if "sent one by one" in each]
    assert str(status) in line


def test_a_server_that_takes_no_large_requests(proxy: Proxy, tmp_path: Path) -> None:
    """It gets smaller ones, found by halving, and not one for each file."""
    exp = run_of(proxy, tmp_path, "narrow")
    with exp.run:
        stored = {}
        for number in range(60):
            stored[f"{number}.txt"] = b"%06d" % number * 2000
            exp.files().save_text(stored[f"{number}.txt"].decode(), to=f"{number}.txt")
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert there(exp, proxy) == stored
    assert proxy.count("/files") <= 10
    assert singles(proxy) <= 3


def test_refused_files_are_set_aside_and_the_others_go_on(proxy: Proxy, tmp_path: Path) -> None:
    """Two whose names the server does not take: kept with its words, in few requests."""
    exp = run_of(proxy, tmp_path, "refused")
    with exp.run:
        stored = store(exp, 50)
        exp.files().save_text("bad", to="a\x01b")
        stored |= store(exp, 50, 50)
        exp.files().save_text("bad", to="c\x01d")
    sent = sync(exp.folder, folder_of(exp.folder, proxy.url))
    assert sent.report is not None
    assert (sent.report.pending, sent.report.rejected) == (0, 2)
    assert there(exp, proxy) == stored
    assert proxy.count("/files") <= 4
    with opened(exp.folder, folder_of(exp.folder, proxy.url)) as delivery:
        words = [str(entry) for entry in delivery.refused()]
    assert all("control characters" in each for each in words), words


def test_a_file_in_the_place_of_a_deleted_one_stays(proxy: Proxy, tmp_path: Path) -> None:
    """Files are sent before the deletions of their batch, which must not take them away."""
    exp = run_of(proxy, tmp_path, "again")
    with exp.run:
        stored = store(exp, 10)
    assert synced(exp, proxy) is Outcome.DELIVERED
    exp = run_of(proxy, tmp_path, "again")
    with exp.run:
        for path in ("part-1/deep/1.txt", "part-2/deep/2.txt", "part-3/deep/3.txt"):
            exp.files(path).delete()
        exp.files("part-1/deep").save_text("new", to="1.txt")
        exp.files("part-4/deep").save_text("first", to="4.txt")
        exp.files("part-4/deep").save_text("second", to="4.txt")
        exp.files("part-2/deep").save_text("new", to="2.txt")
        exp.files("part-2/deep/2.txt").delete()
        exp.files().save_text("other", to="other.txt")
    del stored["part-2/deep/2.txt"], stored["part-3/deep/3.txt"]
    stored |= {"part-1/deep/1.txt": b"new", "part-4/deep/4.txt": b"second", "other.txt": b"other"}
    assert synced(exp, proxy) is Outcome.DELIVERED
    assert there(exp, proxy) == stored


def test_a_killed_client_sends_each_file_once(proxy: Proxy, tmp_path: Path) -> None:
    """With -9, while the answer to its second request is on its way; a sync does the rest."""
    script = tmp_path / "train.py"
    prefix = "alice/small/killed"
    script.write_text(
        "from ml_dash import Experiment\n"
        f"exp = Experiment({prefix!r}, dash_url={proxy.url!r}, dash_root={str(tmp_path)!r})\n"
        "exp.run.start()\n"
        f"for number in range({COUNT}):\n"
        "    exp.files(f'part-{number % 7}').save_text(str(number), to=f'{number}.txt')\n"
        "exp.run.complete()\n"
    )
    proxy.fail("hang", part="/files", when=b'"name":"150.txt"', after=True, times=1000)
    child = subprocess.Popen([sys.executable, str(script)])
    proxy.wait_for(lambda: any(each.kind == "hang" and each.times < 1000 for each in proxy.faults))
    child.send_signal(signal.SIGKILL)
    child.wait()
    proxy.heal()
    folder = tmp_path / prefix
    exp = Experiment(prefix, dash_url=proxy.url, dash_root=tmp_path, echo=False, offline=True)
    assert sync(folder, folder_of(folder, proxy.url)).outcome is not Outcome.BUSY
    stored = {
        f"part-{number % 7}/{number}.txt": str(number).encode() for number in range(COUNT)
        if (folder / "files" / f"part-{number % 7}").is_dir()
    }  # fmt: skip
    found = there(exp, proxy)
    assert found.items() <= stored.items()
    assert "part-3/150.txt" in found
    assert proxy.count("/nodes/", "PATCH") <= 1
    report = sync(folder, folder_of(folder, proxy.url)).report
    assert report is not None
    assert (report.pending, report.rejected) == (0, 0)


def test_files_while_the_run_goes_on(proxy: Proxy, tmp_path: Path) -> None:
    """Stored while others are on their way, described anew and replaced: the last state counts."""
    exp = Experiment("alice/small/live", dash_url=proxy.url, dash_root=tmp_path, echo=False)
    with exp.run:
        stored = store(exp, 100)
        exp.flush()
        stored |= store(exp, 100, 50)
        exp.files("part-0/deep").save_text("replaced", to="70.txt")
        stored["part-0/deep/70.txt"] = b"replaced"
    assert exp.delivery.is_complete
    assert there(exp, proxy) == stored
