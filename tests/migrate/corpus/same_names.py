"""Objects that are not ours, with members that are called like ours."""
import os
import pathlib
import queue
import requests
import pandas as pd
from ml_dash import Experiment
from some_tracker import Experiment as Other, RemoteClient as TheirClient


class Store:
    params = {"lr": 1}
    files = pathlib.Path(".")

    def read(self):
        return []

    def list_all(self):
        return []

    def get_parameters(self, run):
        return {}


session = requests.Session()
jobs = queue.Queue()
store = Store()
theirs = Other("a/b/c", remote="http://x", local_path=".")
their_client = TheirClient("http://x")
with Experiment("alice/vision/same").run as exp:
    print(session.get("http://x"), jobs.get(), os.environ.get("HOME"))
    print(store.read(), store.list_all(), store.params.get("lr"), store.files.exists())
    print(theirs.params.get(), theirs.files("x").exists(), theirs.log(), theirs.log(a=1).info("x"))
    print(their_client.get_project_id("x"))
    frame = pd.DataFrame(exp.metrics("train").read()["data"])  #: MLD004 certain read_or_raise
    print(frame.get("loss"), frame.values.list())
    print(pathlib.Path("x").exists(), os.path.exists("x"))
    print(exp.metadata.get("x"), exp.tags, exp.run.prefix)
