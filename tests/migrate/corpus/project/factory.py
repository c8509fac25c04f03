from ml_dash import Experiment, RemoteClient

def make_experiment(name):
    """A wrapper that other modules of the project use."""
    return Experiment(f"alice/project/{name}", dash_root=".dash")

def connect() -> RemoteClient:
    return RemoteClient("http://127.0.0.1:9")
