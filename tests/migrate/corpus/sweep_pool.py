import itertools
import multiprocessing as mp
from concurrent.futures import ProcessPoolExecutor
from ml_dash import Experiment
from ml_dash.auto_start import dxp


def trial(config):
    lr, depth = config
    exp = Experiment(prefix=f"alice/sweep/lr{lr}-d{depth}", dash_root="sweeps")
    with exp.run:
        exp.params.set(lr=lr, depth=depth)
        exp.metrics("final").log(score=lr * depth)
        exp.log(trial=depth).info("done")  #: MLD006 certain exp.logs.info("done", trial=depth)
        return exp.metrics("final").read()["data"][-1]["data"]["score"]  #: MLD004 certain read_or_raise


if __name__ == "__main__":
    grid = list(itertools.product([0.1, 0.01], [2, 4]))
    with mp.Pool(2) as pool:
        scores = pool.map(trial, grid)
    with ProcessPoolExecutor() as pool:
        scores += list(pool.map(trial, grid))
    best = max(zip(scores, grid))
    dxp.params.set(best=best)
    if not dxp.files("plots").list():  #: MLD003 certain list_or_raise
        dxp.log("no plots")
