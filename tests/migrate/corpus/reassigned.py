"""Names that are None first, or something else later."""
from ml_dash import Experiment, RemoteClient

client = None
exp: "Experiment | None" = None


def setup(url):
    global client, exp
    client = RemoteClient(url)
    exp = Experiment("alice/vision/reassigned")


def branch(flag):
    if flag:
        api = RemoteClient("http://x")
    else:
        api = None
    if api is not None:
        print(api.get_project_id("vision"))  #: MLD001 certain get_project_id_or_raise


def later():
    thing = RemoteClient("http://x")
    print(thing.list_tracks("1"))  #: MLD001 certain list_tracks_or_raise
    thing = {"a": 1}
    print(thing.get("a"))
    thing = open("x")
    print(thing.read())


def conditional(flag):
    run = Experiment("alice/vision/x") if flag else Experiment("alice/vision/y")
    with run.run as e:
        return e.params.get()  #: MLD004 certain get_or_raise


def default(given=None):
    api = given or RemoteClient("http://x")
    return api.list_files("1")  #: MLD001 certain list_files_or_raise


def aliases():
    a = b = Experiment("alice/vision/alias")
    with a.run, b.run:
        params, metrics = a.params, b.metrics
        reader = metrics("train")
        files = a.files
        print(params.get())  #: MLD004 certain get_or_raise
        print(reader.read())  #: MLD004 certain read_or_raise
        print(files("x").exists())  #: MLD003 certain exists_or_raise


def swapped():
    first, second = Experiment("alice/vision/1"), RemoteClient("http://x")
    with first.run:
        print(first.tracks("pose").read())  #: MLD004 certain read_or_raise
        print(second.list_tracks("2"))  #: MLD001 certain list_tracks_or_raise


def use():
    setup("http://x")
    print(client.get_project_id("vision"))  #: MLD001 certain get_project_id_or_raise
    return exp.params.get()  #: MLD004 certain get_or_raise
