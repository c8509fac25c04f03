from __future__ import annotations

from typing import Optional

from ml_dash import Experiment, RemoteClient

def lr_of(exp: Experiment) -> float:
    return exp.params.get()["lr"]  #: MLD004 certain get_or_raise

def quoted(exp: "Experiment"):
    return exp.tracks("pose").read()  #: MLD004 certain read_or_raise

def optional(client: Optional[RemoteClient] = None):
    if client is None:
        return []
    return client.list_projects_graphql()  #: MLD001 certain list_projects_graphql_or_raise

def union(client: RemoteClient | None):
    return client and client.get_project_id("x")  #: MLD001 certain get_project_id_or_none
