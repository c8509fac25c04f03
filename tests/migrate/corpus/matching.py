from ml_dash import Experiment, RemoteClient


def dispatch(thing, client: RemoteClient):
    match thing:
        case Experiment() as exp:
            return exp.params.get()  #: MLD004 certain get_or_raise
        case {"client": client}:
            return client.get("x")
        case [first, *rest] if first.exists():
            return rest
        case _:
            pass
    match client.get_project_id("x"):  #: MLD001 certain get_project_id_or_none
        case None:
            return 1
        case found:
            return found
