from ml_dash import Experiment

exp = Experiment("alice/vision/lambdas")
current = lambda: exp.params.get()  #: MLD004 certain get_or_raise
names = sorted(exp.files("").list(), key=lambda f: f["filename"])  #: MLD003 certain list_or_raise
