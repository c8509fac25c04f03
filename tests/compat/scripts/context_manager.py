"""The usual way: a with block, parameters, logs and metrics, and a look at what was stored."""

import random

from ml_dash import Experiment

random.seed(3)

with Experiment(
    prefix="alice/mnist/baseline",
    readme="A baseline",
    tags=["baseline", "mnist"],
    metadata={"gpu": None, "ranks": 1},
    bindrs=["week-1"],
    dash_root=".dash",
).run as experiment:
    experiment.params.set(
        learning_rate=0.001,
        batch_size=64,
        model={"hidden": [128, 64], "activation": "relu", "dropout": {"p": 0.1}},
        resume=None,
    )
    experiment.log("Training started", level="info", phase="setup")
    experiment.log("Careful", level="warn", metadata={"learning_rate": 0.001}, reason="small")
    loss = 1.0
    for epoch in range(5):
        loss *= 0.5 + random.random() / 4
        experiment.metrics("loss").log(value=loss, epoch=epoch)
        experiment.metrics("train").log(loss=loss, accuracy=1 - loss / 2, epoch=epoch, note=None)
        experiment.log(f"Epoch {epoch}", metadata={"loss": round(loss, 6)})
    experiment.logs.error("Out of patience", epoch=5)
    experiment.logs.debug("é unicode ✓")
    experiment.params.log(final_loss=loss)
    print("parameters", sorted(experiment.params.get().items(), key=str))
    print("nested", experiment.params.get(flatten=False)["model"])
    experiment.flush()
    page = experiment.metrics("train").read(start_index=1, limit=2)
    print("page", [(p["index"], p["data"]) for p in page["data"]])
    print({key: page[key] for key in ("startIndex", "endIndex", "total", "hasMore")})

print("closed", experiment.name, experiment.project, experiment.owner, experiment.run.prefix)
print("mode", experiment.mode.value, experiment.id, experiment.data)
