"""Functions and generators that give experiments."""
import contextlib
from functools import lru_cache, partial

import pytest
from ml_dash import Experiment, RemoteClient


@lru_cache(maxsize=None)
def client():
    return RemoteClient("http://x")


@contextlib.contextmanager
def tracked(name):
    exp = Experiment(f"alice/vision/{name}")
    with exp.run:
        yield exp


@pytest.fixture
def experiment(tmp_path):
    with Experiment("alice/vision/fixture", dash_root=tmp_path).run as exp:
        yield exp


@pytest.fixture(name="api")
def make_api():
    return RemoteClient("http://x")


def maybe(flag):
    if not flag:
        return None
    return Experiment("alice/vision/maybe")


def both():
    return Experiment("alice/vision/both"), RemoteClient("http://x")


make = partial(Experiment, dash_root="runs")


def test_params(experiment):
    experiment.params.set(lr=1)
    assert experiment.params.get() == {"lr": 1}  #: MLD004 certain get_or_raise


def test_api(api):
    assert api.get_project_id("x") is None  #: MLD001 certain get_project_id_or_none


def use():
    print(client().list_tracks("1"))  #: MLD001 certain list_tracks_or_raise
    with tracked("a") as exp:
        print(exp.files("a").list())  #: MLD003 certain list_or_raise
    run = maybe(True)
    if run:
        with run.run as e:
            print(e.metrics("m").read())  #: MLD004 certain read_or_raise
    exp, api = both()
    print(api.get_parameters("1"))  #: MLD001 certain get_parameters_or_raise
    with make("alice/vision/partial").run as exp:
        print(exp.params.get())  #: MLD004 certain get_or_raise
