"""Methods that are kept in variables, given away, or asked for by name."""
from functools import partial
from operator import methodcaller
from ml_dash import Experiment, RemoteClient

client = RemoteClient("http://x")
lookup = client.get_project_id  #: MLD001 certain TODO
print(lookup("vision"))
ids = list(map(client.get_project_id, ["a", "b"]))  #: MLD001 certain TODO
find = partial(client.search_experiments_graphql, "alice/*")  #: MLD001 certain TODO
by_name = getattr(client, "get_current_user")()  #: MLD001 certain TODO
unbound = RemoteClient.list_tracks(client, "1")  #: MLD001 certain list_tracks_or_raise
with Experiment("alice/vision/stored").run as exp:
    read = exp.metrics("train").read  #: MLD004 certain TODO
    print(read()["data"])
    actions = {"params": exp.params.get, "files": exp.files("x").list}  #: MLD004 certain TODO, MLD003 certain TODO
    print(actions["params"]())
    if hasattr(exp.params, "get"):
        print(sorted([exp], key=lambda e: len(e.params.get())))
