"""``ml-dash remove``: delete a project on a server."""

from __future__ import annotations

import click

from ml_dash.cli_commands._call import json_option
from ml_dash.cli_commands._connect import connected, prefix_option, server_options
from ml_dash.cli_commands._output import put_json
from ml_dash.cli_commands._project import split_project


@click.command("remove")
@prefix_option(required=True, text="The project, as [NAMESPACE/]PROJECT.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@server_options
@json_option
def command(prefix: str, yes: bool, url: str | None, key: str | None, as_json: bool) -> None:
    """Delete a project on the server, with all of its runs; folders on this machine stay.

    Asks for the project's name first. A project that is not there is exit code 1.
    """
    namespace, project = split_project(prefix)
    with connected(url, key, namespace) as client:
        project_id = client.get_project_id_or_raise(project)
        whole = f"{client.namespace}/{project}"
        if not yes and not _is_sure(whole, project, client.graphql_base_url):
            click.echo("Nothing was deleted.", err=True)
            return
        reply = client.delete_project(project)
    facts = {"namespace": client.namespace, "project": project, "id": project_id,
             "nodes": reply.get("deleted"), "runs": reply.get("experiments")}  # fmt: skip
    if as_json:
        put_json(facts)
        return
    counted = [f"{facts[name]} {name}" for name in ("runs", "nodes") if facts[name] is not None]
    click.echo(f"Deleted {whole}" + (f" with {' and '.join(counted)}" if counted else ""))


def _is_sure(whole: str, project: str, url: str) -> bool:
    click.echo(f"{whole} on {url} will be deleted with all of its runs, for ever.", err=True)
    said: str = click.prompt(f"Type {project} to go on", err=True, default="", show_default=False)
    return said.strip() == project
