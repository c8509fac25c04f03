"""Experiments in lists and dictionaries."""
from ml_dash import Experiment, RemoteClient

exps = [Experiment(f"alice/vision/{n}") for n in range(3)]
for exp in exps:
    with exp.run:
        print(exp.params.get())  #: MLD004 certain get_or_raise
for number, each in enumerate(exps):
    with each.run as live:
        print(number, live.metrics("a").read())  #: MLD004 certain read_or_raise
runs = {"a": Experiment("alice/vision/a"), "b": Experiment("alice/vision/b")}
runs["a"].run.start()
print(runs["a"].params.get())  #: MLD004 certain get_or_raise
for name, run in runs.items():
    print(name, run.files(name).exists())  #: MLD003 certain exists_or_raise
print([run.tracks("x").list_entries() for run in runs.values()])  #: MLD004 certain list_entries_or_raise
clients: dict[str, RemoteClient] = {}
clients["x"] = RemoteClient("http://x")
print(clients["x"].get_current_user())  #: MLD001 certain get_current_user_or_raise
stack: list[Experiment] = []
stack.append(Experiment("alice/vision/stack"))
print(stack[-1].params.get())  #: MLD004 certain get_or_raise
plain = [{"params": {}}]
for exp in plain:
    print(exp.get("params"))
for a, b in zip(exps, ["x"]):
    print(a.params.get(), b)  #: MLD004 certain get_or_raise


def all_of(experiments: list[Experiment]):
    return [e.params.get() for e in experiments]  #: MLD004 certain get_or_raise
