from . import tracking
from .tracking import Tracker, current, shared_experiment
from .tracking.core import wrapped as begin
from package.tracking import core as c


def main():
    tracker = Tracker("one")
    with tracker.exp.run:
        print(tracker.exp.params.get())  #: MLD004 certain get_or_raise
    print(tracker.client().get_project_id("x"))  #: MLD001 certain get_project_id_or_raise
    with tracking.start("two").run as exp:
        print(exp.files("x").exists())  #: MLD003 certain exists_or_raise
    print(current().metrics("x").read())  #: MLD004 certain read_or_raise
    print(shared_experiment.params.get())  #: MLD004 certain get_or_raise
    with begin("three").run as other:
        print(other.tracks("a").read())  #: MLD004 certain read_or_raise
    print(c.shared.metrics("m").list_all())  #: MLD004 certain list_all_or_raise
