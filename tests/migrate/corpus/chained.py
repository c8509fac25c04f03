# runs
from ml_dash import Experiment

with Experiment("alice/vision/chained", dash_root=".dash").run as exp:
    exp.params.set(model={"depth": 3})
    depth = exp.params.get(flatten=True).get("model.depth", 0)  #: MLD004 certain get_or_raise
    print(depth)
    print([f["filename"] for f in exp.files("x").list() if f])  #: MLD003 certain list_or_raise
