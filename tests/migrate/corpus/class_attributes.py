"""Experiments that are held by classes."""
from ml_dash import Experiment, RemoteClient


class Base:
    exp = Experiment("alice/vision/base")
    client: RemoteClient

    def __init__(self):
        self.client = RemoteClient("http://x")
        self._lazy = None

    @property
    def lazy(self):
        if self._lazy is None:
            self._lazy = Experiment("alice/vision/lazy").run.start()
        return self._lazy

    @classmethod
    def values(cls):
        return cls.exp.params.get()  #: MLD004 certain get_or_raise

    @staticmethod
    def make():
        return Experiment("alice/vision/made")


class Child(Base):
    def project(self):
        return self.client.get_project_id("vision")  #: MLD001 certain get_project_id_or_none

    def history(self):
        return self.lazy.metrics("train").read()  #: MLD004 certain read_or_raise

    def other(self):
        made = self.make()
        made.run.start()
        return made.tracks("a").list_entries()  #: MLD004 certain list_entries_or_raise


class Named(Experiment):
    def summary(self):
        return self.params.get()  #: MLD004 certain get_or_raise


named = Named("alice/vision/named")
with named.run:
    print(named.metrics("x").list_all())  #: MLD004 certain list_all_or_raise
print(Base.exp.params.get())  #: MLD004 certain get_or_raise
child = Child()
print(child.client.get_current_user())  #: MLD001 certain get_current_user_or_raise
print(Child().lazy.files("x").exists())  #: MLD003 certain exists_or_raise
