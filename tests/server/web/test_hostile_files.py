"""Files and forms that are not taken: no row and no byte of them is left."""

from __future__ import annotations

import pytest

from tests.server.live import Live, run_of
from tests.server.web.hostile import NODES, refused
from tests.server.web.test_tree import send_file


def form_of(*parts: tuple[str, bytes]) -> bytes:
    """Return a form as it is sent, of headers and contents."""
    body = b"".join(
        b"--b\r\ncontent-disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"
        for head, content in parts
    )  # fmt: skip
    return body + b"--b--\r\n"


FILE = ('name="file"; filename="x"', b"abc")
NAME = ('name="name"', b"x")


@pytest.mark.parametrize(
    ("fields", "content", "status"),
    [
        ({}, b"x" * 60_000, 413), ({"description": "d" * 5_000_000}, b"abc", 413),
        ({"checksum": "0" * 64}, b"abc", 422), ({"checksum": "xyz"}, b"abc", 422),
        ({"checksum": "A" * 64}, b"abc", 422), ({"checksum": "../../etc/passwd"}, b"abc", 422),
        ({"metadata": "{"}, b"abc", 422), ({"metadata": "[]"}, b"abc", 422),
        ({"metadata": "[" * 5000}, b"abc", 422), ({"name": "../x"}, b"abc", 422),
        ({"name": "a/../../x"}, b"abc", 422), ({"name": "a\\..\\x"}, b"abc", 422),
        ({"name": "/../x"}, b"abc", 422), ({"name": "a\0b"}, b"abc", 422),
        ({"name": "a\r\nset-cookie: x"}, b"abc", 422), ({"name": "n" * 501}, b"abc", 413),
        ({"name": ""}, b"abc", 422), ({"experimentId": "1"}, b"abc", 404),
        ({"experimentId": "1' OR '1'='1"}, b"abc", 404), ({"experimentId": ""}, b"abc", 422),
        ({"parentId": "1"}, b"abc", 422), ({"parentId": "../.."}, b"abc", 422),
        ({"type": "PROJECT"}, b"abc", 422),
        ({"tags": ",".join(map(str, range(1001)))}, b"abc", 413),
    ],
)  # fmt: skip
def test_files_that_are_not_taken(
    small: Live, fields: dict[str, str], content: bytes, status: int
) -> None:
    """Too large, of another checksum, under a name that steps out: no row and no byte is left."""
    client = small.as_user("alice")
    run = run_of(client, "alice/files/r")
    with small.nothing_stored():
        assert refused(send_file(client, run, content, **fields)) == status


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--b--\r\n", b"\xff\x00", form_of(FILE)[:-9], form_of(NAME), form_of(FILE),
        form_of(FILE, FILE, NAME), form_of(("name=file; filename=" + "f" * 70_000, b"abc")),
        b"--b\r\n" + b"x: y\r\n" * 5000 + b"\r\n--b--", b"--b\r\nno colon\r\n\r\nx\r\n--b--\r\n",
        form_of(('name="\udcff"'.encode("utf-8", "surrogateescape").decode("latin-1"), b"x")),
        form_of(*[(f'name="f{n}"', b"x" * 1000) for n in range(5000)]),
    ],
    ids=["empty", "no part", "no form", "cut", "no file", "no name", "two files", "a long header",
         "many headers", "no header", "a name that is no text", "many fields"],
)  # fmt: skip
def test_forms_that_are_none(small: Live, body: bytes) -> None:
    """Broken, endless, without what they need."""
    client = small.as_user("alice")
    boundary = {"content-type": "multipart/form-data; boundary=b"}
    with small.nothing_stored():
        assert refused(client.post(NODES, content=body, headers=boundary)) in (400, 413, 422)
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", "text/plain"):
            reply = client.post(NODES, content=body, headers={"content-type": kind})
            assert refused(reply) in (400, 415)
