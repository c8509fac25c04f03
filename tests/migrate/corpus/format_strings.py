# runs
from ml_dash import Experiment

with Experiment("alice/vision/fstring", dash_root=".dash", echo=False).run as exp:
    exp.params.set(lr=0.1, café="é")
    exp.metrics("train").log(loss=0.5)
    print(f"{exp.params.get()}")  #: MLD004 certain get_or_raise
    print(f"é {exp.params.get()['lr']:>{len(exp.files.list()) + 8}} {exp.params!r:.0}")  #: MLD004 certain exp.params.get_or_raise(), MLD003 certain list_or_raise
    print("é" f"ü {exp.metrics('train').read()['data'][0]['data']}" " end")  #: MLD004 certain read_or_raise
    print("%s {exp.params.get()}" % exp.files("x").exists())  #: MLD003 certain exists_or_raise
    print("{exp.params.get()}", "{exp.owner}".format(exp=exp))
