# runs
from ml_dash import Experiment

with (exp := Experiment("alice/vision/walrus", dash_root=".dash", echo=False)).run:
    exp.params.set(lr=0.1)
    exp.metrics("train").log(loss=0.5)
    if (values := exp.params.get()):  #: MLD004 certain get_or_raise
        print(values)
    while (page := exp.metrics("train").read())["data"]:  #: MLD004 certain TODO
        print(len(page["data"]))
        break
    print([n for name in ("train", "eval") if (n := len(exp.metrics(name).read()["data"]))])  #: MLD004 certain TODO
    print((e := exp).files("x").exists(), e is exp)  #: MLD003 certain exists_or_raise
