# runs
"""Code that needs nothing any more."""
from ml_dash import Experiment
from ml_dash.exceptions import CorruptDataError, MLDashError

with Experiment("alice/vision/migrated", dash_root=".dash", echo=False).run as exp:
    exp.params.set(lr=0.1)
    exp.logs.info("begins", step=1)
    try:
        print(exp.params.get_or_raise())
    except CorruptDataError as error:
        print(error)
    print(exp.files("x").exists_or_raise(), exp.files.list_or_raise())
    try:
        print(exp.metrics("train").list_all_or_raise())
    except MLDashError:
        pass
