import contextlib
from ml_dash import RemoteClient, Experiment

with contextlib.ExitStack() as stack, RemoteClient("http://127.0.0.1:9") as client:
    if client.list_tracks("1"):  #: MLD001 certain list_tracks_or_raise
        print("tracks")
with Experiment("alice/a/b").run as first, Experiment("alice/a/c").run as second:
    print(first.params.get() == second.params.get())  #: MLD004 certain get_or_raise
