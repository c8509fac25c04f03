"""The same name means something else in other scopes."""
from ml_dash import Experiment, RemoteClient

exp = Experiment("alice/vision/scopes")
client = RemoteClient("http://x")


def of_parameter(exp, client=None):
    return exp.params.get(), client


def of_loop(things):
    for exp in things:
        print(exp.params.get())


def of_comprehension(things):
    return [exp.params.get() for exp in things]


def after_comprehension(things):
    names = [client.name for client in things]
    return names, client.list_projects_graphql()  #: MLD001 certain list_projects_graphql_or_raise


def of_lambda():
    return lambda exp: exp.params.get()


def of_local():
    client = open("x")
    return client.read()


def of_handler():
    try:
        return 1
    except ValueError as exp:
        return exp.params.get()


def of_global():
    global exp
    return exp.params.get()  #: MLD004 certain get_or_raise


def outer():
    client = None

    def inner():
        nonlocal client
        client = RemoteClient("http://y")

    inner()
    return client


class Holder:
    exp = {"params": {}}

    def method(self):
        return exp.params.get()  #: MLD004 certain get_or_raise

    def own(self):
        return self.exp.get("params")


def of_import():
    from elsewhere import exp
    return exp.params.get()


def of_with(lock):
    with lock as client:
        return client.list_files("1")


def deleted():
    del client
