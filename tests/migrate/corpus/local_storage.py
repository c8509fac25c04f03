# runs
from pathlib import Path
from ml_dash import Experiment
from ml_dash.storage import LocalStorage

with Experiment("alice/vision/stored", dash_root=".dash").run as exp:
    exp.params.set(lr=0.1)
    exp.metrics("train").log(loss=0.5)
store = LocalStorage(Path(".dash"))
print(store.read_parameters("alice", "vision", "alice/vision/stored"))  #: MLD004 certain read_parameters_or_raise
