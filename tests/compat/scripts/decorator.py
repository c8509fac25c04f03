"""The decorator: every call is a new experiment; results and exceptions pass through."""

from ml_dash import ml_dash_experiment


@ml_dash_experiment(prefix="alice/decorated/train", tags=["decorated"], dash_root=".dash")
def train(epochs: int, experiment=None) -> float:
    """Train for some epochs."""
    experiment.params.set(epochs=epochs)
    loss = 1.0
    for epoch in range(epochs):
        loss /= 2
        experiment.metrics("train").log(epoch=epoch, loss=loss)
    experiment.log("trained", epochs=epochs)
    return loss


@ml_dash_experiment("alice/decorated/fails", dash_root=".dash")
def fails(**kwargs) -> None:
    """Fail after one log line."""
    kwargs["experiment"].log("about to fail", level="error")
    raise ValueError("no data")


print(train.__name__, "-", train.__doc__)
print("loss", train(3))
print("loss", train(epochs=2))
try:
    fails()
except ValueError as error:
    print("raised", error)
