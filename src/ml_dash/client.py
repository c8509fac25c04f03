"""The direct client of a server, and who is logged in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ml_dash._base import deprecate
from ml_dash._base.policy import ErrorHandlingMode
from ml_dash._remote.credentials import Credentials
from ml_dash._remote.files import FileCalls
from ml_dash._remote.queries import QueryCalls
from ml_dash._remote.records import RecordCalls
from ml_dash._remote.retry import RetryPolicy
from ml_dash._remote.tracks import TrackCalls
from ml_dash._remote.transport import Transport
from ml_dash.exceptions import MLDashError
from ml_dash.utils import _serialize_value

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["RemoteClient", "UserInfo", "userinfo", "_serialize_value"]


class RemoteClient(FileCalls, QueryCalls, RecordCalls, TrackCalls):
    """Talks to one server, call by call.

    Building one reads, opens and connects nothing. The token is looked up at the first request:
    ``api_key``, else the environment variable ``ML_DASH_TOKEN``, else the one that ``ml-dash
    login`` stored for this server. Requests that fail for a passing reason are sent again where
    that can do no harm. All methods may be called from several threads.

    Args:
        base_url: The server, such as ``https://host``.
        namespace: Whose projects are meant; the token's own when omitted.
        api_key: The token.
        error_mode: In ``"strict"`` mode, calls that answer None, ``[]`` or ``{}`` for failures as
            0.6 did raise instead; see ``set_error_mode``.

            .. versionadded:: 0.7
        future: Flags or a release whose behaviour is wanted, as ``"lookups_raise"``; see
            :mod:`ml_dash.future`.

            .. versionadded:: 0.7
        timeout_s: How long a connection may be silent, in seconds.

            .. versionadded:: 0.7
        retry: When a request is sent again.

            .. versionadded:: 0.7

    Raises:
        ConfigurationError: ``base_url`` is not the URL of an HTTP server.
    """

    def __init__(
        self,
        base_url: str,
        namespace: str | None = None,
        api_key: str | None = None,
        *,
        error_mode: str | ErrorHandlingMode | None = None,
        future: str | Iterable[str] | None = None,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._rules = deprecate.rules(future, error_mode)
        self._credentials = Credentials(base_url, api_key)
        self._transport = Transport(base_url, self._credentials, retry or RetryPolicy(), timeout_s)
        self._namespace = namespace
        self._project_ids = {}
        self._node_ids = {}
        self._folder_ids = {}

    @property
    def graphql_base_url(self) -> str:
        """The server's URL."""
        return self._transport.url

    @property
    def base_url(self) -> str:
        """The URL of its REST interface."""
        return f"{self._transport.url}/api"

    @property
    def api_key(self) -> str | None:
        """The token, looked up now if it was not given; None if there is none.

        Raises:
            TokenStoreError: the store of tokens cannot be read.
        """
        return self._credentials.find()

    @api_key.setter
    def api_key(self, value: str | None) -> None:
        self._credentials.given = value

    def close(self) -> None:
        """Close the connections, if there are any."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RemoteClient {self._transport.url}>"


class UserInfo:
    """The logged-in user of the configured server (``RUN.api_url``), asked when first needed.

    A property is None, and the object is false, if nobody is logged in and, as in 0.6, if the
    server could not be asked; the latter is logged. :meth:`fetch_or_raise` tells one from the
    other. An answer is kept; a failure is not.
    """

    def __init__(self) -> None:
        self._user: dict[str, Any] | None = None

    def fetch_or_raise(self, refresh: bool = False) -> dict[str, Any]:
        """Return the user's profile.

        Args:
            refresh: Ask again even if the answer is known.

        .. versionadded:: 0.7

        Raises:
            NotAuthenticatedError: there is no token.
            CredentialsRejectedError: the server refuses the token.
            RemoteClientError: the request failed.
        """
        if self._user is None or refresh:
            with _configured_client() as client:
                self._user = client.get_current_user_or_raise()
        return self._user

    def _value(self, name: str) -> Any:
        user = self._fetch(f"userinfo.{name}")
        return None if user is None else user.get(name)

    def _fetch(self, asked: str) -> dict[str, Any] | None:
        if self._user is None:
            with _configured_client() as client:
                self._user = deprecate.answer(
                    client._rules, asked, lambda: None, client.get_current_user_or_none
                )
        return self._user

    @property
    def username(self) -> str | None:
        """The name in prefixes."""
        return self._value("username")  # type: ignore[no-any-return]

    @property
    def email(self) -> str | None:
        """The e-mail address."""
        return self._value("email")  # type: ignore[no-any-return]

    @property
    def name(self) -> str | None:
        """The full name."""
        return self._value("name")  # type: ignore[no-any-return]

    @property
    def given_name(self) -> str | None:
        """The given name."""
        return self._value("given_name")  # type: ignore[no-any-return]

    @property
    def family_name(self) -> str | None:
        """The family name."""
        return self._value("family_name")  # type: ignore[no-any-return]

    @property
    def picture(self) -> str | None:
        """The URL of a picture."""
        return self._value("picture")  # type: ignore[no-any-return]

    @property
    def id(self) -> str | None:
        """The id on the server."""
        return self._value("id")  # type: ignore[no-any-return]

    def __bool__(self) -> bool:
        return self._fetch("bool(userinfo)") is not None

    def __repr__(self) -> str:
        try:
            user = self._fetch("bool(userinfo)")
        except MLDashError as error:
            return f"<UserInfo: cannot be asked: {type(error).__name__}>"
        if user is None:
            return "<UserInfo: not authenticated>"
        return f"<UserInfo username={user.get('username')!r} email={user.get('email')!r}>"


def _configured_client() -> RemoteClient:
    from ml_dash.run import RUN

    # Properties are read one after another: a server that is down must not cost a minute each.
    return RemoteClient(RUN.api_url, timeout_s=10.0, retry=RetryPolicy(attempts=2, deadline_s=5.0))


userinfo = UserInfo()
