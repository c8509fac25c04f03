"""Logging in and out, and who is logged in, as a user does it, against a server."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cli.conftest import HONEST, Run, terminal
from tests.delivery.proxy import passing

if TYPE_CHECKING:
    from tests.server.live import Live

NOBODY = "http://127.0.0.1:9"
"""An address where nothing listens."""


def jwt(**claims: object) -> str:
    """Return a token that says something of itself; no server takes it."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@contextmanager
def logging_in(
    url: str, home: Path, *words: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run ``ml-dash login`` while the block runs."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "ml_dash.cli", "login", "--dash-url", url, *words],
        cwd=home, env={**os.environ, "HOME": str(home), **settings}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def answer(live: Live, process: subprocess.Popen[str], token: str, said: str) -> str:
    """Read the code that the command prints, answer it on the server's page, return the rest."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", line)
        if found:
            form = {"code": found[0], "token": token, "answer": said}
            httpx.post(f"{live.url}/device", data=form, trust_env=False).raise_for_status()
            break
    return text + process.communicate(timeout=60)[0]


def log_in(live: Live, home: Path, user: str) -> str:
    """Log a user in, in a home folder, and return what the command printed."""
    with logging_in(live.url, home, "--no-browser") as process:
        text = answer(live, process, live.token(user), "yes")
        assert process.returncode == 0, text
    return text


def test_login_profile_logout(ml_dash: Run, live: Live, tmp_path: Path) -> None:
    """Who confirms the code is logged in, until logout; no file shows the token."""
    text = log_in(live, tmp_path, "alice")
    assert f"{live.url}/device" in text
    assert f"You are logged in to {live.url}." in text
    for path in (tmp_path / ".dash").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"mldash_" not in path.read_bytes()
    shown = ml_dash("profile", "--dash-url", live.url, "--json", **HONEST)
    facts = json.loads(shown.stdout)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert (facts["authenticated"], facts["verified"], facts["source"]) == (True, True, "server")
    assert facts["user"]["username"] == "alice"
    plain = ml_dash("profile", "--dash-url", live.url)
    assert "Username   alice" in plain.stdout
    assert "mldash_" not in text + shown.stdout + plain.stdout
    assert ml_dash("logout", "--dash-url", live.url).stdout == (
        f"You are logged out of {live.url}.\n"
    )
    assert "You were not logged in" in ml_dash("logout", "--dash-url", live.url).stdout
    assert ml_dash("profile", "--dash-url", live.url, **HONEST).returncode == 4


def test_a_second_server_leaves_the_first(ml_dash: Run, live: Live, tmp_path: Path) -> None:
    """A login to another address, and a logout there, leave the first one's token."""
    log_in(live, tmp_path, "alice")
    with passing(live.url) as other:
        begun = ml_dash("profile", "--dash-url", other.url, **HONEST)
        assert begun.returncode == 4
        ml_dash("logout", "--dash-url", other.url)
    assert ml_dash("profile", "--dash-url", live.url, **HONEST).returncode == 0


def test_login_that_is_refused(live: Live, tmp_path: Path) -> None:
    """Who is refused is told so, exit code 4, and nothing is kept."""
    with logging_in(live.url, tmp_path, "--no-browser") as process:
        text = answer(live, process, live.token("alice"), "no")
        assert process.returncode == 4
    assert "The login was refused" in text
    assert not (tmp_path / ".dash" / "tokens.encrypted").exists()


@pytest.mark.parametrize(("opener", "said"), [("true", "A browser was opened"),
                                              ("false", "No browser could be opened")])  # fmt: skip
def test_what_the_browser_says_is_believed(
    live: Live, tmp_path: Path, opener: str, said: str
) -> None:
    """Only a browser that started is said to be open; the address is printed in any case."""
    with logging_in(live.url, tmp_path, BROWSER=opener) as process:
        text = answer(live, process, live.token("alice"), "yes")
        assert process.returncode == 0
    assert said in text
    assert f"{live.url}/device" in text


def test_interrupted_login(live: Live, tmp_path: Path) -> None:
    """Ctrl-C ends a login with 130 and one word."""
    import signal

    with logging_in(live.url, tmp_path, "--no-browser") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Waiting" in line:
                process.send_signal(signal.SIGINT)
                break
        assert process.communicate(timeout=60)[0].strip().endswith("Interrupted.")
        assert process.returncode == 130


def test_a_code_to_scan_is_drawn_at_a_terminal(live: Live, tmp_path: Path) -> None:
    """At a terminal the address is also there as a QR code, of which half blocks are the dots."""
    pytest.importorskip("qrcode")
    with terminal("login", "--dash-url", live.url, "--no-browser", home=tmp_path,
                  stop_at="is good for") as drawn:  # fmt: skip
        assert f"{live.url}/device" in drawn
        assert drawn.count("\u2588") > 100


def test_login_where_nobody_listens(ml_dash: Run) -> None:
    """A login service that is not there is exit code 5."""
    done = ml_dash("login", "--dash-url", NOBODY)
    assert (done.returncode, done.stdout) == (5, "")
    assert "cannot be reached" in done.stderr


def test_profile_of_nobody(ml_dash: Run) -> None:
    """Without a token the code is 4 under the flag, and 0 with a word about it before."""
    done = ml_dash("profile", "--dash-url", NOBODY, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["authenticated"] is False
    assert "MLD007" in done.stderr
    assert "ends with 4" in done.stderr
    honest = ml_dash("profile", "--dash-url", NOBODY, **HONEST)
    assert (honest.returncode, "MLD007" in honest.stderr) == (4, False)
    kept = ml_dash("profile", "--dash-url", NOBODY, ML_DASH_FUTURE="-cli_exit_codes")
    assert (kept.returncode, "MLD007" in kept.stderr) == (0, False)


@pytest.mark.parametrize(
    ("token", "authenticated"), [("mldash_unknown", False), (jwt(username="eve"), False)]
)
def test_profile_with_a_refused_token(
    ml_dash: Run, live: Live, token: str, authenticated: bool
) -> None:
    """What the server refuses is no login, whatever the token says of itself; exit code 4."""
    done = ml_dash("profile", "--dash-url", live.url, "--json", ML_DASH_TOKEN=token, **HONEST)
    facts = json.loads(done.stdout)
    assert done.returncode == 4
    assert (facts["authenticated"], facts["verified"]) == (authenticated, False)
    assert "401" in facts["warning"]
    assert token not in done.stdout + done.stderr


@pytest.mark.parametrize(("fault", "code"), [({"status": 500}, 1), ({"kind": "reset"}, 5)])
def test_profile_when_the_server_fails(
    ml_dash: Run, live: Live, fault: dict[str, Any], code: int
) -> None:
    """A server that fails, or breaks the connection, confirms nothing, and is named."""
    with passing(live.url) as between:
        between.fail(**{"kind": "status", "times": 10**6, **fault})
        words = ("profile", "--dash-url", between.url, "--json")
        done = ml_dash(*words, ML_DASH_TOKEN=live.token("alice"), **HONEST)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["authenticated"], facts["verified"]) == (code, False, False)
    assert facts["warning"]


def test_logout_that_cannot_be_done(ml_dash: Run, live: Live, tmp_path: Path) -> None:
    """Where it is not certain that the token is gone, logout is a failure and says why."""
    log_in(live, tmp_path, "alice")
    (tmp_path / ".dash" / "tokens.encrypted").write_bytes(b"damaged")
    done = ml_dash("logout", "--dash-url", live.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "tokens.encrypted" in done.stderr


def test_profile_without_the_server(ml_dash: Run) -> None:
    """A server that is not there confirms nothing: code 5, and what the token says is shown."""
    token = jwt(username="alice", exp=time.time() + 10 * 86400)
    done = ml_dash("profile", "--dash-url", NOBODY, "--json", ML_DASH_TOKEN=token, **HONEST)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["verified"], facts["source"]) == (5, False, "token")
    assert facts["token_status"] == "Expires in 9 days"
    cached = ml_dash("profile", "--dash-url", NOBODY, "--cached", ML_DASH_TOKEN=token, **HONEST)
    assert (cached.returncode, cached.stderr) == (0, "")
    assert "Username   alice" in cached.stdout


def test_profile_with_an_expired_token(ml_dash: Run) -> None:
    """A token that is over is no login, and no server is asked."""
    token = jwt(username="alice", exp=time.time() - 10)
    done = ml_dash("profile", "--dash-url", NOBODY, "--json", ML_DASH_TOKEN=token, **HONEST)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["authenticated"]) == (4, False)
    assert "expired" in facts["error"]


def test_a_token_that_soon_ends_is_told(ml_dash: Run) -> None:
    """Every command that uses a token says when it ends within three days."""
    token = jwt(username="alice", exp=time.time() + 86400)
    done = ml_dash("create", "-p", "alice/x", "--dash-url", NOBODY, ML_DASH_TOKEN=token)
    assert done.returncode == 5
    assert "The token expires in 23 hours" in done.stderr


def test_the_configured_token_is_for_the_configured_server(
    ml_dash: Run, live: Live, tmp_path: Path
) -> None:
    """The configuration's api_key is sent to its own server only."""
    (tmp_path / ".dash").mkdir()
    token = live.token("alice")
    config = {"remote_url": live.url, "api_key": token}
    (tmp_path / ".dash" / "config.json").write_text(json.dumps(config))
    assert ml_dash("profile", **HONEST).returncode == 0
    with passing(live.url) as other:
        assert ml_dash("profile", "--dash-url", other.url, **HONEST).returncode == 4
