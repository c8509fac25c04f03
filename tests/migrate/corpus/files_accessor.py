# runs
from ml_dash import Experiment

with Experiment("alice/vision/files", dash_root=".dash").run as exp:
    exp.files("models").save_text("weights", to="w.txt")
    print(len(exp.files.list()))  #: MLD003 certain list_or_raise
    print(exp.files("models/w.txt").exists())  #: MLD003 certain exists_or_raise
