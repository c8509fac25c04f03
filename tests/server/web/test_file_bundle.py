"""Many small files in one request: each once, whole, in its place, with an answer of its own."""

from __future__ import annotations

import gzip
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ml_dash.server.web.file_bundle import DEEPEST, KIND
from ml_dash.server.web.observed import FILES_MAX
from tests.server.live import Live, experiment_of, run_of
from tests.server.web.hostile import refused
from tests.server.web.test_tree import send_file

File = tuple[dict[str, Any], bytes]


def file(name: str, content: bytes, path: str = "", **facts: Any) -> File:
    """Return a file as it is sent."""
    digest = hashlib.sha256(content).hexdigest()
    head = {"path": path, "name": name, "size": len(content), "checksum": digest, **facts}
    return head, content


def body_of(*files: File) -> bytes:
    """Return the body of a request with files."""
    return b"".join(json.dumps(head).encode() + b"\n" + held + b"\n" for head, held in files)


def send(client: httpx.Client, run: str, *files: File) -> httpx.Response:
    """Send files in one request."""
    return client.post(f"{run}/files", content=body_of(*files), headers={"content-type": KIND})


def told(reply: httpx.Response) -> list[int]:
    """Return the statuses of the parts."""
    assert reply.status_code == 200, reply.text
    return [part["status"] for part in reply.json()["parts"]]


def there(client: httpx.Client, run: str) -> dict[str, bytes]:
    """Return the files of a run, by path."""
    params: dict[str, Any] = {"pattern": "**", "experimentId": run.rpartition("/")[2]}
    found = client.get("/api/search/files", params={**params, "limit": 1000}).json()["files"]
    return {
        each["path"]: client.get(f"/api/nodes/{each['id']}/download").content for each in found
    }  # fmt: skip


def test_files_arrive_in_their_folders(live_on_both: Live) -> None:
    """Binary bytes, empty ones, line ends, equal ones; folders are made, or found again."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    facts = {"description": "d", "tags": ["a", "b"], "metadata": '{"x":"NaN","n":"Infinity"}'}
    reply = send(
        client, run,
        file("w.bin", bytes(range(256)) * 9, "models/best", contentType="image/png", **facts),
        file("lines", b"\n\n{}\n", "models"), file("empty", b"", "models/best"),
        file("top.txt", b"equal"), file("again.txt", b"equal", "other/deep/er"),
    )  # fmt: skip
    assert told(reply) == [200] * 5
    assert there(client, run) == {
        "models/best/w.bin": bytes(range(256)) * 9, "models/lines": b"\n\n{}\n",
        "models/best/empty": b"", "top.txt": b"equal", "other/deep/er/again.txt": b"equal",
    }  # fmt: skip
    first = reply.json()["parts"][0]["body"]
    shown = client.get(f"/api/nodes/{first['node']['id']}").json()
    assert (shown["description"], shown["tags"]) == ("d", ["a", "b"])
    assert shown["metadata"] == {"x": "NaN", "n": "Infinity"}
    physical = shown["physicalFile"]
    assert (physical["contentType"], physical["sizeBytes"]) == ("image/png", "2304")
    assert first["physicalFile"]["checksum"] == physical["checksum"]


def test_the_folders_are_those_of_single_files(alice: httpx.Client) -> None:
    """A folder that was made by its own request is used, and a file in it is replaced."""
    opened = run_of(alice)
    run = f"/api/experiments/{opened['experiment']['id']}"
    folder = alice.post("/api/namespaces/alice/nodes", json={
        "type": "FOLDER", "name": "models", "projectId": opened["project"]["id"],
        "experimentId": opened["experiment"]["id"], "parentId": opened["node"]["id"],
    }).json()["node"]  # fmt: skip
    single = send_file(alice, opened, b"old", "w.bin", parentId=folder["id"]).json()["node"]
    reply = send(alice, run, file("w.bin", b"new", "models"), file("v.bin", b"v", "/models/"))
    parts = reply.json()["parts"]
    assert parts[0]["body"]["node"]["id"] == single["id"]
    node = alice.get(f"/api/nodes/{parts[1]['body']['node']['id']}").json()
    assert node["parentId"] == folder["id"]
    assert there(alice, run) == {"models/w.bin": b"new", "models/v.bin": b"v"}


def test_a_file_is_stored_once_for_its_key(live_on_both: Live) -> None:
    """A repeat gets the first answer, in other company too, and brings nothing deleted back."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    a, b = file("a", b"1", key="file-a"), file("b", b"2", "x", key="file-b")
    first = send(client, run, a, b).json()["parts"]
    assert client.delete(f"/api/nodes/{first[0]['body']['node']['id']}").status_code == 200
    again = send(client, run, b, file("c", b"3", key="file-c"), a).json()["parts"]
    assert [again[0], again[2]] == [first[1], first[0]]
    twice = send(client, run, file("d", b"4", key="k"), file("d", b"5", key="k")).json()["parts"]
    assert twice[0] == twice[1]
    assert there(client, run) == {"x/b": b"2", "c": b"3", "d": b"4"}


def test_files_of_one_name_replace_each_other_in_order(live_on_both: Live) -> None:
    """In one request and over several the last one stays, under the node of the first."""
    client = live_on_both.as_user("alice")
    run = experiment_of(client)
    same = [file("w", str(number).encode(), "a") for number in range(12)]
    parts = send(client, run, *same[:6], file("z", b"z"), *same[6:11]).json()["parts"]
    parts += send(client, run, same[11]).json()["parts"]
    nodes = {part["body"]["node"]["id"] for part in parts}
    assert len(nodes) == 2
    assert there(client, run) == {"a/w": b"11", "z": b"z"}


def test_eight_clients_send_the_same_files(live_on_both: Live) -> None:
    """At the same moment: all get the same answers, and each file and folder is made once."""
    token = live_on_both.token("alice")
    run = experiment_of(live_on_both.client(token))
    files = [file(f"f-{n}", f"{n % 5}".encode(), f"p-{n % 3}", key=f"k-{n}") for n in range(40)]

    def some(number: int) -> list[Any]:
        client = live_on_both.client(token)
        mine = files[number:] + files[:number]
        parts = send(client, run, *mine).json()["parts"]
        return parts[len(files) - number :] + parts[: len(files) - number]

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(some, range(8))
    assert {part["status"] for part in first} == {200}
    assert all(each == first for each in others)
    expected = {f"p-{n % 3}/f-{n}": f"{n % 5}".encode() for n in range(40)}
    assert there(live_on_both.client(token), run) == expected


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (file("bad", b"abc", checksum="0" * 64), 422), (file("bad", b"abc", checksum="x"), 422),
        (file("bad", b"abc", checksum="../etc/passwd"), 422), (file("../bad", b"abc"), 422),
        (file("bad", b"abc", "a/../../b"), 422), (file("bad", b"abc", "a\0b"), 422),
        (file("", b"abc"), 422), (file("n" * 501, b"abc"), 422), (file("a\r\nb", b"abc"), 422),
        (file("bad", b"abc", "x" * 501), 413), (file("bad", b"abc", "/".join("a" * 33)), 413),
        (file("bad", b"abc", tags=list(map(str, range(1001)))), 413),
        (file("bad", b"abc", tags="a,b"), 422), (file("bad", b"abc", metadata="[]"), 422),
        (file("bad", b"abc", metadata="{"), 422), (file("bad", b"abc", metadata={"a": 1}), 422),
        (file("bad", b"abc", key=""), 422), (file("bad", b"abc", key="k" * 513), 422),
        (file("bad", b"x" * 50_001), 413), (file("bad", b"abc", description=7), 422),
    ],
)  # fmt: skip
def test_a_refused_file_leaves_the_others(small: Live, bad: File, status: int) -> None:
    """Its answer says why, nothing of it is stored, its key stays free; the others are stored."""
    client = small.as_user("alice")
    run = experiment_of(client, f"alice/bundled/{abs(hash(str(bad[0])))}")
    alone = (dict(bad[0]), bad[1])
    with small.nothing_stored():
        assert told(send(client, run, alone)) == [status]
    keyed = ({"key": "file-bad", **bad[0]}, bad[1])
    parts = send(client, run, file("a", b"1"), keyed, file("b", b"2")).json()["parts"]
    assert [part["status"] for part in parts] == [200, status, 200]
    assert {"error", "message", "requestId"} <= set(parts[1]["body"])
    assert there(client, run) == {"a": b"1", "b": b"2"}
    assert told(send(client, run, file("bad", b"abc", key="file-bad"))) == [200]


GOOD = body_of(file("a", b"abc"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\n", b"x", b"{}\n", b"[]\nabc\n", b"\xff\xfe\n", GOOD[:-1], GOOD[:-3], GOOD + b"\n",
        GOOD + b"{}", GOOD + GOOD[:-1], GOOD.replace(b'"size": 3', b'"size": 2'),
        GOOD.replace(b'"size": 3', b'"size": 4'), GOOD.replace(b'"size": 3', b'"size": -1'),
        GOOD.replace(b'"size": 3', b'"size": "3"'), GOOD.replace(b'"size": 3', b'"size": true'),
        GOOD.replace(b'"size": 3', b'"size": 3.0'), GOOD.replace(b'"size": 3', b'"size": 1e300'),
        GOOD.replace(b'"size": 3', b'"size": 9223372036854775807'),
        GOOD.replace(b'"size": 3', b'"metadata": ' + b"[" * 5000 + b'"size": 3'),
        b'{"name":"' + b"n" * 70_000 + b'"}\n\n', b" " * 70_000, GOOD * (FILES_MAX + 1),
        GOOD * 1000,
    ],
    ids=range(24),
)  # fmt: skip
def test_bodies_that_are_none_are_refused_whole(small: Live, body: bytes) -> None:
    """Cut, too long, of wrong sizes, deep, with too many files: no row and no byte is stored."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/bundled/none")
    with small.nothing_stored():
        for content, packed in ((body, False), (gzip.compress(body), True)):
            headers = {"content-type": KIND, **({"content-encoding": "gzip"} if packed else {})}
            reply = client.post(f"{run}/files", content=content, headers=headers)
            assert refused(reply) in (400, 413, 422)


def test_bombs_and_broken_gzip_are_refused(small: Live) -> None:
    """What unpacks to more than the limit is not unpacked, and what ends early is not taken."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/bundled/none")
    headers = {"content-type": KIND, "content-encoding": "gzip"}
    with small.nothing_stored():
        for content, status in ((gzip.compress(bytes(50 << 20)), 413),
                                (gzip.compress(GOOD)[:-4], 400), (GOOD, 400)):  # fmt: skip
            reply = client.post(f"{run}/files", content=content, headers=headers)
            assert refused(reply) == status
        reply = client.post(f"{run}/files", content=GOOD, headers={"content-type": "text/plain"})
        assert refused(reply) == 415


def test_who_may_not_write_stores_nothing(live: Live, alice: httpx.Client) -> None:
    """A stranger finds no run, a reader is refused, and no byte and no row is left."""
    run = experiment_of(alice)
    live.member("alice", "bob", "reader")
    strange, reader, nobody = live.as_user("carol"), live.as_user("bob"), live.client(None)
    with live.nothing_stored():
        for client, status in ((strange, 404), (reader, 403), (nobody, 401)):
            assert refused(send(client, run, file("a", b"1"))) == status
        for row in ("/api/experiments/1", "/api/experiments/x"):
            assert refused(send(alice, row, file("a", b"1"))) == 404


def test_every_answer_says_how_many_files_are_taken(alice: httpx.Client) -> None:
    """By a header; so many are taken in one request, in folders as deep as is told."""
    assert alice.get("/health").headers["ml-dash-file-bundle"] == str(FILES_MAX)
    run = experiment_of(alice)
    deep = "/".join(map(str, range(DEEPEST)))
    files = [file(str(number), b"", deep) for number in range(FILES_MAX)]
    assert told(send(alice, run, *files)) == [200] * FILES_MAX
