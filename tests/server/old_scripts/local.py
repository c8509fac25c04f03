"""A run in a folder, to be uploaded."""

from ml_dash import Experiment

with Experiment("alice/uploads/sweep/local-1", dash_root=".dash", tags=["up"]).run as exp:
    exp.params.set(lr=0.5)
    exp.log("kept in a folder", level="info")
    for n in range(30):
        exp.metrics("loss").log(value=n)
    exp.files("models").save_text("weights", to="w.txt")
