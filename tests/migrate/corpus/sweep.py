# runs
import itertools
from ml_dash import Experiment

for lr, seed in itertools.product((0.1, 0.01), (0, 1)):
    with Experiment(f"alice/sweep/lr-{lr}-{seed}", dash_root=".dash").run as run:
        run.params.set(lr=lr, seed=seed)
        run.metrics("final").log(score=lr * (seed + 1))
        best = run.metrics("final").read()["data"][0]["data"]["score"]  #: MLD004 certain read_or_raise
        print(best)
