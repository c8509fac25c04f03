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
    """The server says that it does not exist (404)."""

    code = "remote-not-found"


class ProjectNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such project."""

    code = "project-not-found"


class NamespaceNotFoundError(RemoteNotFoundError, ValueError):
    """The server knows no such namespace."""

    code = "namespace-not-found"


# --- the server -------------------------------------------------------------------------------


class ServerUnreachableError(CriticalError, RemoteClientError, ConnectionError):
    """No server answered while opening a run, after retries."""

    code = "server-unreachable"
    retryable = True


class AuthenticationError(CriticalError, RemoteClientError):
    """Credentials are missing or refused."""

    code = "authentication"


class NotAuthenticatedError(AuthenticationError):
    """No token is stored for this server."""

    code = "not-authenticated"


class CredentialsRejectedError(AuthenticationError):
    """The server refused the token (401)."""

    code = "credentials-rejected"


class DeviceCodeExpiredError(AuthenticationError):
    """The code shown at login expired before it was confirmed."""

    code = "device-code-expired"


class AuthorizationDeniedError(AuthenticationError):
    """The login was refused by its user."""

    code = "authorization-denied"


class TokenExchangeError(AuthenticationError):
    """The login token could not be exchanged for an ml-dash token."""

    code = "token-exchange"


class PermissionDeniedError(CriticalError, RemoteClientError, PermissionError):
    """The token is valid but not for this (403)."""

    code = "permission-denied"


class RemoteRejectedError(DataLossError, RemoteClientError):
    """The server refused the data and would refuse it again (400, 404, 409, 413, 422)."""

    code = "remote-rejected"


class PartialAcceptError(DataLossError, RemoteClientError, ValueError):
    """The server took fewer records than it was sent, or its answer proves nothing."""

    code = "partial-accept"


class NetworkError(RecoverableError, RemoteClientError, ConnectionError):
    """The connection was refused, reset, or broke the protocol."""

    code = "network"


class RequestTimeoutError(NetworkError, TimeoutError):
    """The server did not answer in time."""

    code = "request-timeout"


class DeliveryTimeoutError(RecoverableError, RemoteClientError, TimeoutError):
    """Not everything could be handed over to the server in the time given; it is kept."""

    code = "delivery-timeout"


class RateLimitedError(RecoverableError, RemoteClientError):
    """Too many requests (429); ``context["retry_after_s"]`` when the server said."""

    code = "rate-limited"


class ServerError(RecoverableError, RemoteClientError):
    """The server failed (5xx)."""

    code = "server"


class InvalidResponseError(
    RecoverableError, RemoteClientError, ValueError, TypeError, KeyError, AttributeError
):
    """The server said yes but sent something else than what was asked for."""

    code = "invalid-response"


class GraphQLError(InvalidResponseError):
    """The GraphQL reply carries ``errors``."""

    code = "graphql"
    retryable = False
