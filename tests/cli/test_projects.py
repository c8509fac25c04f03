"""Making and deleting projects, and queries of the user's own, against a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Run
from tests.delivery.loopback import Fault
from tests.delivery.proxy import passing

if TYPE_CHECKING:
    from tests.server.live import Live


def test_create_and_remove(ml_dash: Run, live: Live, user: str) -> None:
    """A project is made once, found again, and deleted when its name is typed."""
    made = ml_dash("create", "-p", "vision", "-d", "about eyes", "--json")
    facts = json.loads(made.stdout)
    assert (made.returncode, facts["created"], facts["namespace"]) == (0, True, user)
    assert facts["url"] == f"{live.url}/@{user}/vision"
    again = ml_dash("create", "--project", f"{user}/vision")
    assert (again.returncode, again.stderr) == (0, "")
    assert "already exists" in again.stdout
    asked = ml_dash("api", "-q", f"namespace(slug: '{user}') {{ projects {{ description }} }}")
    assert json.loads(asked.stdout)["namespace"]["projects"] == [{"description": "about eyes"}]
    cancelled = ml_dash("remove", "-p", "vision", typed="no\n")
    assert (cancelled.returncode, cancelled.stdout) == (0, "")
    assert "Nothing was deleted." in cancelled.stderr
    removed = ml_dash("remove", "-p", "vision", typed="vision\n")
    assert (removed.returncode, removed.stdout.split(" with")[0]) == (0, f"Deleted {user}/vision")
    gone = ml_dash("remove", "-p", "vision", "--yes")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "There is no project 'vision'" in gone.stderr


def test_remove_without_an_answer(ml_dash: Run, user: str) -> None:
    """Where nobody can be asked nothing is deleted, exit code 1."""
    ml_dash("create", "-p", "vision")
    assert ml_dash("remove", "-p", "vision").returncode == 1
    assert "already exists" in ml_dash("create", "-p", "vision").stdout


@pytest.mark.parametrize("words", [("create", "-p", "a/b/c"), ("create", "-p", "/"), ("create",),
                                   ("remove", "-p", "a//b"), ("api",),
                                   ("api", "-q", "me { id }", "-m", "x"),
                                   ("api", "-q", "me { id }", "--variables", "[1")])  # fmt: skip
def test_wrong_use(ml_dash: Run, words: tuple[str, ...]) -> None:
    """What names no project, or asks nothing, is exit code 2 and no request."""
    assert ml_dash(*words).returncode == 2


@pytest.mark.parametrize("command", ["create", "remove"])
@pytest.mark.parametrize(("token", "url", "code", "cause"), [
    ("mldash_unknown", None, 4, "401"), ("", None, 4, "no token"),
    ("x", "http://127.0.0.1:9", 5, "refused"),
])  # fmt: skip
def test_the_true_cause_is_told(
    ml_dash: Run, live: Live, command: str, token: str, url: str | None, code: int, cause: str
) -> None:
    """A refused token, no token and no server are told apart, by words and by exit code."""
    done = ml_dash(command, "-p", "vision", "--dash-url", url or live.url, ML_DASH_TOKEN=token)
    assert (done.returncode, done.stdout) == (code, "")
    assert cause in done.stderr


def test_an_answer_without_a_project(ml_dash: Run, live: Live, user: str) -> None:
    """A server that says yes and names no project is an error."""
    with passing(live.url) as between:
        between.faults.append(Fault("nothing", part="/nodes"))
        done = ml_dash("create", "-p", f"{user}/x", "--dash-url", between.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has nothing where" in done.stderr


@pytest.mark.parametrize("path", [".me.username", "me.username", ".data.me.username"])
def test_api_path(ml_dash: Run, user: str, path: str) -> None:
    """Both forms of a path lead to the same part."""
    done = ml_dash("api", "-q", "me { username }", "--jq", path)
    assert (done.returncode, json.loads(done.stdout)) == (0, user)


def test_api_quotes(ml_dash: Run, user: str) -> None:
    """Single quotes become GraphQL's, except inside a text; variables are taken."""
    text = "it's \"here\""
    made = ml_dash("create", "-p", "q", "-d", text)
    assert made.returncode == 0
    for query in (f"namespace(slug: '{user}') {{ projects {{ slug }} }}",
                  f'{{ namespace(slug: "{user}") {{ projects {{ slug }} }} }}',
                  f'query Own {{ namespace(slug: "{user}") {{ projects {{ slug }} }} }}'):
        done = ml_dash("api", "-q", query, "--jq", ".namespace.projects.0.slug")
        assert (done.returncode, done.stdout) == (0, '"q"\n'), done.stderr
    asked = "query Q($n: String!) { namespace(slug: $n) { projects { description } } }"
    found = ml_dash("api", "-q", asked, "--variables", json.dumps({"n": user}))
    assert json.loads(found.stdout)["namespace"]["projects"][0]["description"] == text


def test_api_errors(ml_dash: Run, user: str) -> None:
    """A wrong query is exit code 1 with the server's words; a wrong path is exit code 2."""
    wrong = ml_dash("api", "-q", "nothing_like_this")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "nothing_like_this" in wrong.stderr
    astray = ml_dash("api", "-q", "me { username }", "--jq", ".you")
    assert (astray.returncode, astray.stdout) == (2, "")
    assert "There is me" in astray.stderr
