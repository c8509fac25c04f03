"""What goes wrong between this machine and a server."""

from __future__ import annotations

from ml_dash.exceptions.base import (
    CriticalError,
    DataLossError,
    RecoverableError,
    RemoteClientError,
)
from ml_dash.exceptions.local import NotFoundError


class RemoteNotFoundError(NotFoundError, RemoteClientError):
    """The server says that it does not exist (404).

    Kept: everything recorded is on disk.
    Remedy: check the id or name, and that the token may see it.
    Says: There is no run 'one' in the project 'digits'.
    """

    code = "remote-not-found"


class ProjectNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such project.

    Kept: nothing is concerned.
    Remedy: check the project's slug, or create it.
    Says: There is no project 'vision' in the namespace 'ann'.
    """

    code = "project-not-found"


class NamespaceNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such namespace.

    Kept: nothing is concerned.
    Remedy: check the namespace, and that the token belongs to it.
    Says: The server knows no namespace 'anne'.
    """

    code = "namespace-not-found"


# --- the server -------------------------------------------------------------------------------


class ServerUnreachableError(CriticalError, RemoteClientError, ConnectionError):
    """No server answered while opening a run, after retries.

    Kept: everything recorded is on disk.
    Remedy: check the URL and that the server runs; `error_mode="permissive"` records offline.
    Says: https://dash.example could not take the run within 30 s (7 attempts).
    """

    code = "server-unreachable"
    retryable = True


class AuthenticationError(CriticalError, RemoteClientError):
    """Credentials are missing or refused.

    Kept: everything recorded is on disk.
    Remedy: run `ml-dash login`, or set `ML_DASH_TOKEN`.
    Says: The login service refused to start, with status 400.
    """

    code = "authentication"


class NotAuthenticatedError(AuthenticationError):
    """No token is stored for this server.

    Kept: everything recorded is on disk.
    Remedy: run `ml-dash login`, set `ML_DASH_TOKEN`, or give `api_key`.
    Says: There is no token for the server https://dash.example.
    """

    code = "not-authenticated"


class CredentialsRejectedError(AuthenticationError):
    """The server refused the token (401).

    Kept: everything recorded is on disk.
    Remedy: run `ml-dash login`, or set `ML_DASH_TOKEN` to a valid token.
    Says: GET https://dash.example/projects was answered with 401 Unauthorized.
    """

    code = "credentials-rejected"


class MalformedTokenError(AuthenticationError, ValueError):
    """A token is no readable JSON Web Token.

    Kept: nothing is concerned.
    Remedy: log in again.
    Says: The token is no JSON Web Token: it has not three parts.
    """

    code = "malformed-token"


class DeviceCodeExpiredError(AuthenticationError):
    """The code shown at login expired before it was confirmed.

    Kept: nothing is concerned.
    Remedy: start the login again, and confirm it in time.
    Says: The code is void.
    """

    code = "device-code-expired"


class AuthorizationDeniedError(AuthenticationError):
    """The login was refused by its user.

    Kept: nothing is concerned.
    Remedy: start the login again, and confirm it.
    Says: The login was refused.
    """

    code = "authorization-denied"


class TokenExchangeError(AuthenticationError):
    """The login token could not be exchanged for an ml-dash token.

    Kept: nothing is concerned.
    Remedy: try again later, or ask the server's operator.
    Says: The login service answered 'invalid_grant' with status 400.
    """

    code = "token-exchange"


class PermissionDeniedError(CriticalError, RemoteClientError, PermissionError):
    """The token is valid but not for this (403).

    Kept: everything recorded is on disk.
    Remedy: ask the owner of the namespace for access.
    Says: GET https://dash.example/projects was answered with 403 Forbidden.
    """

    code = "permission-denied"


class RemoteRejectedError(DataLossError, RemoteClientError):
    """The server refused the data and would refuse it again (400, 404, 409, 413, 422).

    Kept: everything recorded is on disk; refused records are set aside with the server's words.
    Remedy: mend what the server names, and send it again.
    Says: POST https://dash.example/logs was answered with 422 Unprocessable Content.
    """

    code = "remote-rejected"


class PartialAcceptError(DataLossError, RemoteClientError, ValueError):
    """The server took fewer records than it was sent, or its answer proves nothing.

    Kept: everything recorded is on disk.
    Remedy: check on the server what arrived before sending again.
    Says: POST /logs: 20 records were sent, but the answer says 19 were taken.
    """

    code = "partial-accept"


class NetworkError(RecoverableError, RemoteClientError, ConnectionError):
    """The connection was refused, reset, or broke the protocol.

    Kept: everything recorded is on disk.
    Remedy: check the URL, and that the server is running and reachable.
    Says: GET https://dash.example/projects failed: ConnectError: Connection refused.
    """

    code = "network"


class RequestTimeoutError(NetworkError, TimeoutError):
    """The server did not answer in time.

    Kept: everything recorded is on disk.
    Remedy: try again later; a longer `timeout_s` for slow servers.
    Says: The login service https://login.example did not answer in 10 s.
    """

    code = "request-timeout"


class DeliveryTimeoutError(RecoverableError, RemoteClientError, TimeoutError):
    """Not everything could be handed over to the server in the time given; it is kept.

    Kept: everything recorded is on disk.
    Remedy: wait longer, or run `ml-dash sync` later.
    Says: 12 of 90 records were not delivered to https://dash.example before the run closed.
    """

    code = "delivery-timeout"


class RateLimitedError(RecoverableError, RemoteClientError):
    """Too many requests (429); ``context["retry_after_s"]`` when the server said.

    Kept: everything recorded is on disk.
    Remedy: nothing: it is sent again when the server allows.
    Says: POST https://dash.example/logs was answered with 429 Too Many Requests.
    """

    code = "rate-limited"


class ServerError(RecoverableError, RemoteClientError):
    """The server failed (5xx).

    Kept: everything recorded is on disk.
    Remedy: try again later; if it stays, ask the server's operator.
    Says: The login service failed with status 503.
    """

    code = "server"


class InvalidResponseError(
    RecoverableError, RemoteClientError, ValueError, TypeError, KeyError, AttributeError
):
    """The server said yes but sent something else than what was asked for.

    Kept: everything recorded is on disk.
    Remedy: update ml-dash or the server.
    Says: The server says that the file has 'many' bytes.
    """

    code = "invalid-response"


class GraphQLError(InvalidResponseError):
    """The GraphQL reply carries ``errors``.

    Kept: nothing is concerned.
    Remedy: correct the query as the server's words say.
    Says: The server answers the query with errors: Cannot query field 'nam'.
    """

    code = "graphql"
    retryable = False
