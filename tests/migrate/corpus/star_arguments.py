import sys
from ml_dash import Experiment, RemoteClient

config = {"dash_root": ".dash"}
old = {"local_path": ".dash"}
args = ("vision",)
exp = Experiment("alice/vision/args", **config)
legacy = Experiment("alice/vision/legacy", **{"local_path": ".dash"})  #: MLD006 certain TODO
more = Experiment("alice/vision/more", **dict(remote="http://x"))  #: MLD006 certain TODO
client = RemoteClient(*sys.argv[1:])
print(client.get_project_id(*args))  #: MLD001 certain get_project_id_or_raise
with exp.run:
    print(exp.metrics(*["train"]).read(**{"start_index": 0}))  #: MLD004 certain read_or_raise
    print(exp.files(**{"prefix": "a"}).list())  #: MLD003 certain list_or_raise
    print(exp.params.get(**dict(flatten=True)))  #: MLD004 certain get_or_raise
