"""A library whose tracking is optional."""
try:
    from ml_dash import Experiment
except ImportError:
    Experiment = None

try:
    import ml_dash
except ImportError:
    ml_dash = None
    HAVE = False
else:
    HAVE = True
    from ml_dash.client import RemoteClient


class Tracker:
    def __init__(self, prefix, enabled=True):
        self.exp = None
        self.client = None
        if enabled and Experiment is not None:
            self.exp = Experiment(prefix, local_path="runs")  #: MLD006 certain dash_root=
            self.exp.run.start()

    def params(self):
        if self.exp is None:
            return {}
        return self.exp.params.get()  #: MLD004 certain get_or_raise

    def connect(self):
        if self.client is None:
            import ml_dash
            self.client = ml_dash.RemoteClient("http://x")
        return self.client

    def projects(self):
        return self.connect().list_projects_graphql()  #: MLD001 certain list_projects_graphql_or_raise


def user():
    if not HAVE:
        return None
    return ml_dash.userinfo.username  #: MLD001 certain TODO
