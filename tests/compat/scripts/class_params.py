"""Parameters from classes and nested dicts, merged over several calls."""

from ml_dash import Experiment, ParametersBuilder


class Optimizer:
    """Settings of the optimiser."""

    name = "adam"
    lr = 3e-4
    betas = (0.9, 0.999)
    schedule = {"kind": "cosine", "steps": {"warm": 100}}
    _private = "not stored"

    def step(self) -> None:
        """Is not a parameter."""


class Data:
    """Settings of the data."""

    root = "/data"
    workers = 4
    shuffle = True
    limit = None


with Experiment("alice/params/classes", dash_root=".dash").run as exp:
    assert exp.params.get() == {}
    exp.params.set()
    chained = exp.params.set(Optimizer=Optimizer, data=Data, seed=1).set(**{"a.b": 1})
    assert isinstance(chained, ParametersBuilder)
    exp.params.set(Optimizer={"lr": 1e-3}, a={"c": 2}, seed=2)
    exp.params.log(**{"key with space": "é", "dash-ed": [1, {"x": None}], "empty": {}})
    for key, value in sorted(exp.params.get().items()):
        print(key, "=", repr(value))
    print(sorted(exp.params.get(flatten=False)["Optimizer"].items()))

print(ParametersBuilder.flatten_dict({"a": {"b": {"c": 1}}, "d": [1], "e": {}}))
print(ParametersBuilder.flatten_dict({"a": {"b": 1}}, parent_key="x", sep="/"))
print(ParametersBuilder.unflatten_dict({"a.b.c": 1, "a.d": 2, "e": 3}))
