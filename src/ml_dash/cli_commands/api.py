"""``ml-dash api``: a GraphQL query or mutation of the user's own."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from ml_dash.cli_commands._call import detail
from ml_dash.cli_commands._connect import connected, server_options
from ml_dash.cli_commands._output import put_json
from ml_dash.exceptions import UsageError

_WHOLE = re.compile(r"\s*(\{|(query|mutation|subscription|fragment)\b)")
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"|\'((?:[^\'\\]|\\.)*)\'')


@click.command("api")
@click.option("-q", "--query", "query", metavar="GRAPHQL", help="What to ask.")
@click.option("-m", "--mutation", "mutation", metavar="GRAPHQL", help="What to change.")
@click.option("--variables", metavar="JSON", help="Variables of the query, as a JSON object.")
@click.option("--jq", "path", metavar="PATH", help="Print one part only, as .me.username")
@click.option("--namespace", help="Taken as in 0.6.13, and of no effect.")
@server_options
def command(
    query: str | None, mutation: str | None, variables: str | None, path: str | None,
    namespace: str | None, url: str | None, key: str | None,
) -> None:  # fmt: skip
    """Send a GraphQL query or mutation, and print the data of the answer as JSON.

    Give the whole document or only its fields; texts may stand in single quotes. For instance

    ml-dash api -q "me { username }" --jq .me.username

    ml-dash api -q "namespace(slug: 'alice') { projects { slug } }"
    """
    if (query is None) == (mutation is None):
        raise click.UsageError("Give either --query or --mutation.")
    if namespace:
        detail("--namespace has no effect here: the query says whose data it asks for.")
    document = _document(query, "") if query is not None else _document(str(mutation), "mutation ")
    with connected(url, key) as client:
        data = client.graphql_query_or_raise(document, _variables(variables))
    put_json(_part(data, path) if path else data)


def _document(text: str, kind: str) -> str:
    """Return a whole document, with the quotes of GraphQL around its texts."""

    def quoted(found: re.Match[str]) -> str:
        inner = found.group(1)
        if inner is None:
            return found.group(0)
        return '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'

    text = _STRINGS.sub(quoted, text)
    return text if _WHOLE.match(text) else f"{kind}{{ {text} }}"


def _variables(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--variables is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError("--variables is no JSON object.")
    return found


def _part(data: dict[str, Any], path: str) -> Any:
    """Return a part by its dotted path, which may begin with the ``data`` of the answer.

    Raises:
        UsageError: there is no such part.
    """
    names = [name for name in re.split(r"[.\[\]]+", path) if name]
    if names[:1] == ["data"] and "data" not in data:
        del names[0]
    found: Any = data
    for name in names:
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            has = ", ".join(found) if isinstance(found, dict) else f"a {type(found).__name__}"
            raise UsageError(f"--jq {path}: there is no {name!r}", hint=f"There is {has}",
                             cause=error) from error  # fmt: skip
    return found
