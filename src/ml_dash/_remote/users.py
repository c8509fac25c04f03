"""Who the token belongs to, and questions of the caller's own."""

from __future__ import annotations

from typing import Any

from ml_dash._base.deprecate import anything, changes
from ml_dash._remote import documents, replies
from ml_dash._remote.calls import Calls
from ml_dash.exceptions import (
    NamespaceNotFoundError,
    NotAuthenticatedError,
    RemoteNotFoundError,
)


class UserCalls(Calls):
    """Ask about the user; ask anything."""

    _namespace: str | None

    # -- namespace -------------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        """The namespace whose projects are meant; the token's own unless given.

        Raises:
            NamespaceNotFoundError: the server knows no user for the token (is a ``ValueError``).
            RemoteClientError: it could not be asked.
        """
        return self._namespace or self.fetch_namespace_or_raise()

    @namespace.setter
    def namespace(self, value: str | None) -> None:
        self._namespace = value

    def fetch_namespace_or_raise(self) -> str:
        """Ask the server for the token's namespace, and keep it.

        .. versionadded:: 0.7

        Raises:
            NamespaceNotFoundError: the server knows no user for the token (is a ``ValueError``).
            RemoteClientError: it could not be asked.
        """
        data = self._graphql(documents.MY_NAMESPACE, None, "GetMyNamespace")
        user = data.get("me")
        if user is None:
            raise NamespaceNotFoundError(
                "The server knows no user for this token, so the namespace is unknown",
                hint="Give the namespace, or run `ml-dash login`",
            )
        self._namespace = replies.field(user, "username", str, "GetMyNamespace")
        return self._namespace

    # ----------------------------------------------------------------------------------

    @changes("RemoteClient.graphql_query")
    def graphql_query(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a GraphQL query and return its ``data``; ``{}`` for null data, as in 0.6.

        Raises:
            GraphQLError: the answer carries errors.
            RemoteClientError: the request failed.
        """
        return self._old_answer(
            "graphql_query", {}, lambda: self.graphql_query_or_raise(query, variables)
        )

    def graphql_query_or_raise(
        self, query: str, variables: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a GraphQL query and return its ``data``.

        .. versionadded:: 0.7

        Raises:
            GraphQLError: the answer carries errors.
            InvalidResponseError: there are no data.
            RemoteClientError: the request failed.
        """
        return self._graphql_as_sent(query, variables, "the query")

    # -- users -----------------------------------------------------------------------------------

    @changes("RemoteClient.get_current_user")
    def get_current_user(self) -> dict[str, Any] | None:
        """Return the user of the token; None without one, and if anything went wrong.

        The siblings ``get_current_user_or_none`` and ``get_current_user_or_raise`` tell one from
        the other.
        """
        return self._old_answer("get_current_user", None, self.get_current_user_or_none, anything)

    def get_current_user_or_none(self) -> dict[str, Any] | None:
        """Return the user of the token; None only if there is no token, or no user for it.

        .. versionadded:: 0.7

        Raises:
            CredentialsRejectedError: the server refuses the token.
            RemoteClientError: the request failed.
        """
        try:
            return self.get_current_user_or_raise()
        except NotAuthenticatedError:
            return None
        except RemoteNotFoundError as error:
            if "status" in error.context:  # a 404: the URL is that of another server
                raise
            return None

    def get_current_user_or_raise(self) -> dict[str, Any]:
        """Return the user of the token.

        .. versionadded:: 0.7

        Raises:
            NotAuthenticatedError: there is no token.
            CredentialsRejectedError: the server refuses the token.
            RemoteNotFoundError: the server knows no user for the token.
            RemoteClientError: the request failed.
        """
        data = self._graphql(documents.CURRENT_USER, None, "GetCurrentUser")
        if "me" in data and data["me"] is None:
            raise RemoteNotFoundError("The server knows no user for this token",
                                      hint="Run `ml-dash login`")  # fmt: skip
        return replies.field(data, "me", dict, "GetCurrentUser")
