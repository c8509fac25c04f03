"""Arguments that are misspelt, too short, or of another name now."""
from ml_dash import Experiment, RUN
import ml_dash

PREFIX = "vision"
a = Experiment("alice/vision/a", eror_mode="strict")  #: MLD006 certain TODO
b = Experiment("vision", dash_root=".dash")  #: MLD006 certain TODO
c = Experiment(prefix="vision")  #: MLD006 certain TODO
d = ml_dash.Experiment(PREFIX + "/x", name="x", description="x")  #: MLD006 certain TODO
e = Experiment("alice/vision/e", user="alice", project="vision", entry=__file__, now=None)
f = Experiment(f"{PREFIX}/x", readme="r", tags=["a"], bindrs=["b"], metadata={}, dash_url=None)
g = Experiment("alice/vision/g", remote=None)
h = Experiment("alice/vision/h", local_path="x", dash_root="y")  #: MLD006 certain TODO
i = Experiment("alice/vision/i", error_mode="strict", future="0.9", echo=False, offline=True)
j = Experiment(PREFIX)
k = Experiment("/alice/")  #: MLD006 certain TODO
l = Experiment("alice/{EXP.name}")
m = Experiment()
with a.run:
    a.files("x", descripton="typo").save_text("t", to="x.txt")  #: MLD006 certain TODO
    a.files("x", description="fine", tags=[], metadata={}, prefix="p").list_or_raise()
    a.files(prefix="x", dest="y")  #: MLD006 certain TODO
