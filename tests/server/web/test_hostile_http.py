"""Bytes that are no HTTP request, or lie about how many they are."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.server.live import Live, experiment_of
from tests.server.web.hostile import NODES
from tests.server.web.test_hostile_files import FILE, NAME, form_of


def spoken(live: Live, *sent: bytes, ends: bool = False) -> bytes:
    """Return what the server answers to bytes, until it closes the connection.

    Args:
        live: The server.
        sent: The bytes.
        ends: Whether the sender closes its side.
    """
    where = urlsplit(live.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        for each in sent:
            connection.sendall(each)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def head_of(client: httpx.Client, path: str, *headers: str) -> bytes:
    """Return the head of a request with headers of one's own."""
    own = [f"POST {path} HTTP/1.1", "host: x", f"authorization: {client.headers['authorization']}",
           "connection: close", "content-type: application/json", *headers]  # fmt: skip
    return "".join(f"{line}\r\n" for line in own).encode("latin-1") + b"\r\n"


def told(answer: bytes) -> tuple[int, dict[str, object]]:
    """Return status and body of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    found = json.loads(body)
    assert found["error"]
    assert found["message"]
    return int(head.split()[1]), found


BODY = b'{"data": {"a": 1}}'


@pytest.mark.parametrize(
    "headers",
    [
        ("content-length: -1",), ("content-length: x",), ("content-length: 18, 19",),
        ("content-length: 18", "content-length: 19"), ("content-length: " + "9" * 5000,),
        ("transfer-encoding: gzip",), ("transfer-encoding: chunked", "transfer-encoding: chunked"),
        ("x: " + "y" * 100_000,), ("x y: z",), ("x: \x00",), ("no colon",),
        ("content-length: 18", "x: \x0b"),
    ],
)  # fmt: skip
def test_heads_that_are_no_http(small: Live, headers: tuple[str, ...]) -> None:
    """In JSON, as every other refusal, though no request can be made out."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/http/r")
    with small.nothing_stored():
        answer = spoken(small, head_of(client, f"{run}/parameters", *headers))
        assert told(answer)[0] in (400, 431)


def test_a_chunk_that_is_none_stores_nothing(small: Live) -> None:
    """It is seen when the request has begun already."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/http/r")
    head = head_of(client, f"{run}/parameters", "transfer-encoding: chunked")
    with small.nothing_stored():
        spoken(small, head, b"5\r\n{\"dat\r\nXYZ\r\n")


def test_a_body_that_is_shorter_than_it_says_stores_nothing(
    small: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender closes the connection, or falls silent: then it is told so after a while."""
    monkeypatch.setattr("ml_dash.server.web.incoming.SILENCE_S", 0.2)
    client = small.as_user("alice")
    run = experiment_of(client, "alice/lying/r")
    head = head_of(client, f"{run}/parameters", "content-length: 500")
    form = {"content-type": "multipart/form-data; boundary=b"}
    upload = head_of(client, NODES, "content-length: 50000").replace(
        b"application/json", form["content-type"].encode()
    )
    with small.nothing_stored():
        spoken(small, head, BODY, ends=True)
        status, found = told(spoken(small, head, BODY))
        assert (status, found["error"]) == (408, "request-timeout")
        assert told(spoken(small, upload, form_of(NAME, FILE)[:-20]))[0] == 408


def test_a_body_that_is_longer_than_it_says_is_cut_there(small: Live) -> None:
    """What follows is no part of the request, and no request either."""
    client = small.as_user("alice")
    run = experiment_of(client, "alice/lying/long")
    head = head_of(client, f"{run}/parameters", "content-length: 10")
    with small.nothing_stored():
        answer = spoken(small, head, BODY)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"is no JSON" in answer
