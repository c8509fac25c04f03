"""Logging in: the device flow of 0.6.13 and of 0.6.27, its page, and the exchange of tokens."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from ml_dash.server.auth import tokens
from ml_dash.server.auth.devices import LIFE_S, POLL_S, Devices, States
from ml_dash.server.errors import RefusedError
from ml_dash.server.parts import parts_of
from ml_dash.server.web import incoming
from ml_dash.server.web.asking import Asker, check_origin
from ml_dash.server.web.bodies import Body, Label, Text, body, describes
from ml_dash.server.web.openapi import PUBLIC

router = APIRouter(tags=["login"])

_LONGEST_FORM = 16 << 10
_TOKEN = "ml_dash_token"
_ANSWERS: dict[str, tuple[int, str]] = {
    States.PENDING: (202, "authorization_pending"),
    States.DENIED: (404, "access_denied"),
    States.EXPIRED: (400, "expired_token"),
}


class StartBody(Body):
    """Who wants to log in."""

    client_id: Label
    scope: Text = ""
    device_secret_hash: Label = Field(min_length=8)


class PollBody(Body):
    """Who asks whether the login was confirmed."""

    client_id: Label
    device_secret_hash: Label = Field(min_length=8)


class Waiting(BaseModel):
    """Why there is no token, yet or at all."""

    error: str


_WAITING: dict[int | str, dict[str, Any]] = {
    202: {"model": Waiting, "description": "The login was not confirmed yet."},
    404: {"model": Waiting, "description": "The login was denied."},
    400: {"model": Waiting, "description": "The login is over, or the body is no JSON."},
}
_POLL: dict[str, Any] = {**describes(PollBody), **PUBLIC}


@router.post("/api/device/start", openapi_extra={**describes(StartBody), **PUBLIC})
@router.post("/api/device-flow/start", openapi_extra={**describes(StartBody), **PUBLIC})
def start(
    request: Request, sent: Annotated[StartBody, Depends(body(StartBody))]
) -> dict[str, Any]:  # fmt: skip
    """Begin a login; a person confirms its code on a page."""
    parts = parts_of(request)
    _count(request)
    code = Devices(parts).start(sent.client_id, sent.device_secret_hash)
    base = parts.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    page = f"{base}/device"
    return {
        "user_code": code, "verification_uri": page,
        "verification_uri_complete": f"{page}?code={code.replace('-', '')}",
        "expires_in": LIFE_S, "interval": POLL_S,
    }  # fmt: skip


@router.post("/api/device/poll", responses=_WAITING, openapi_extra=_POLL)
@router.post("/api/device-flow/poll", responses=_WAITING, openapi_extra=_POLL)
def poll(request: Request, sent: Annotated[PollBody, Depends(body(PollBody))]) -> Response:
    """Ask whether a login was confirmed; 202 while it was not."""
    _count(request)
    state, token = Devices(parts_of(request)).poll(sent.device_secret_hash)
    if token is not None:
        return JSONResponse({"access_token": token, "token_type": "Bearer"})
    status, error = _ANSWERS[state]
    return JSONResponse({"error": error}, status)


@router.post("/api/auth/exchange")
def exchange(
    request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> dict[str, str]:
    """Return an API token for the token of a login, or for a valid one of another server."""
    parts = parts_of(request)
    caller = parts.gate.caller(authorization)
    parts.rates.count(caller.token)
    if caller.kind == "api":  # it is one already, and no way around its end
        return _token(str(authorization).partition(" ")[2].strip())
    days = parts.settings.token_days
    with parts.database.write() as connection:
        made = tokens.make(
            connection, parts.ids, caller.user_id, "made by ml-dash login", role=caller.role,
            life_ms=days * tokens.A_DAY_MS or None,
        )  # fmt: skip
        if caller.kind == "login" and caller.token_id is not None:
            tokens.revoke(connection, caller.token_id)  # it was good for one exchange
    return _token(made.text)


@router.get("/api/me")
def me(who: Asker) -> dict[str, Any]:
    """Return who a token stands for."""
    return {"id": str(who.caller.user_id), "username": who.caller.username,
            "admin": who.caller.admin, "role": who.caller.role}  # fmt: skip


@router.get("/device", response_class=HTMLResponse, include_in_schema=False)
@router.get("/device/verification", response_class=HTMLResponse, include_in_schema=False)
def page(code: str = "") -> HTMLResponse:
    """Return the page on which a person confirms a code."""
    return _page(_FORM.format(code=escape(code[:20], quote=True)))


@router.post("/device", response_class=HTMLResponse, include_in_schema=False)
async def confirm(request: Request) -> HTMLResponse:
    """Confirm or deny a code, as the user whose token is sent along."""
    raw = await incoming.whole(request, _LONGEST_FORM)
    fields = {name: found[0] for name, found in parse_qs(raw.decode("latin-1")).items()}
    return await run_in_threadpool(_confirm, request, fields)


def _count(request: Request) -> None:
    """Count a request of somebody who is not known yet, by address.

    Raises:
        TooManyError: it is one too many.
    """
    host = request.client.host if request.client else ""
    parts_of(request).rates.count(f"address {host}")


def _token(text: str) -> dict[str, str]:
    return {_TOKEN: text}


def _confirm(request: Request, fields: dict[str, str]) -> HTMLResponse:
    parts = parts_of(request)
    _count(request)
    grant = fields.get("answer") == "yes"
    try:
        check_origin(request)
        caller = parts.gate.caller(f"Bearer {fields.get('token', '').strip()}")
        parts.rates.count(caller.token)
        Devices(parts).settle(fields.get("code", ""), caller, grant)
    except RefusedError as error:
        text = f"<p class=bad>{escape(error.message)}. {escape(error.hint)}</p>"
        form = _FORM.format(code=escape(fields.get("code", "")[:20], quote=True))
        return _page(text + form, error.status)
    words = "The device is logged in as" if grant else "The login was denied by"
    return _page(f"<p>{words} <b>{escape(caller.username)}</b>. You can close this page.</p>")


def _page(content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(content=content), status, {
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        "cache-control": "no-store", "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    })  # fmt: skip


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ml-dash: confirm a login</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 sans-serif;max-width:34em;margin:4em auto;padding:0 1em}}
label{{display:block;margin:1em 0}}input{{font:inherit;width:100%}}.bad{{color:#b00}}</style>
<h1>Confirm a login</h1>{content}</html>"""

_FORM = """<p>A device wants to act in your name. Go on only if you started this, and if the code
is the one that it shows.</p>
<form method="post" action="/device">
<label>Code <input name="code" value="{code}" autocomplete="off" required></label>
<label>Your API token <input name="token" type="password" autocomplete="off"></label>
<button name="answer" value="yes">Log the device in</button>
<button name="answer" value="no">Deny</button></form>"""
