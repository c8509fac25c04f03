from ml_dash import Experiment

with Experiment("alice/vision/unused").run as exp:
    exp.params.get()  #: MLD004 certain TODO
    exp.files("models").list()  #: MLD003 certain TODO
