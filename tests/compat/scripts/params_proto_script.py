"""A params-proto class as parameters, its values changed before the run."""

from params_proto import proto

from ml_dash import Experiment


@proto.prefix
class Args:
    """Settings of the training."""

    lr: float = 0.1
    batch_size: int = 32
    name: str = "base"
    layers: list = [1, 2]


Args.lr = 0.5

with Experiment("alice/cli/proto", dash_root=".dash").run as exp:
    exp.params.set(Args=Args, seed=3)
    exp.metrics("train").log(lr=Args.lr)
    print(sorted(exp.params.get()))
