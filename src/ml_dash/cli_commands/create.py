"""``ml-dash create``: make a project on a server."""

from __future__ import annotations

import click

from ml_dash.cli_commands._call import json_option, note
from ml_dash.cli_commands._connect import connected, prefix_option, server_options
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._project import split_project
from ml_dash.exceptions import RemoteRejectedError

_CONFLICT = 409


@click.command("create")
@prefix_option(required=True, text="The project, as [NAMESPACE/]PROJECT.")
@click.option("-d", "--description", default="", help="What it is about.")
@server_options
@json_option
def command(prefix: str, description: str, url: str | None, key: str | None, as_json: bool) -> None:
    """Make a project; runs make theirs by themselves.

    A project that is there already is left as it is, exit code 0.
    """
    namespace, project = split_project(prefix)
    with connected(url, key, namespace) as client:
        owner = client.namespace
        facts = {"namespace": owner, "project": project, "created": True}
        try:
            made = client.create_project(project, description)
            facts |= {"project": made.get("slug") or project, "id": made["id"],
                      "description": description or None}  # fmt: skip
        except RemoteRejectedError as error:
            if error.context.get("status") != _CONFLICT:
                raise
            facts["created"] = False
        facts["url"] = f"{client.graphql_base_url}/@{owner}/{facts['project']}"
    if as_json:
        put_json(facts)
    elif facts["created"]:
        click.echo(f"Created {owner}/{facts['project']} (id {facts['id']})")
        note(f"Look at {facts['url']}")
    else:
        click.echo(f"{owner}/{project} already exists, and is left as it is.")
