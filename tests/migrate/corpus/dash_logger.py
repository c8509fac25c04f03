"""A logger in the style of Lightning's own."""
from typing import Any, Optional

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only
from ml_dash import Experiment


class DashLogger(Logger):
    def __init__(self, prefix: str, root: str = ".dash", **kwargs: Any) -> None:
        super().__init__()
        self._prefix = prefix
        self._kwargs = kwargs
        self._root = root
        self._experiment: Optional[Experiment] = None

    @property
    @rank_zero_experiment
    def experiment(self) -> Experiment:
        if self._experiment is None:
            self._experiment = Experiment(self._prefix, local_path=self._root, **self._kwargs)  #: MLD006 certain TODO
            self._experiment.run.start()
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params, *args, **kwargs) -> None:
        self.experiment.params.set(**dict(params))

    @rank_zero_only
    def log_metrics(self, metrics, step=None) -> None:
        self.experiment.metrics("train").log(step=step, **metrics)

    @property
    def version(self) -> str:
        return self.experiment.params.get().get("version", "0")  #: MLD004 certain get_or_raise

    def after_save_checkpoint(self, callback) -> None:
        if callback.best_model_path and not self.experiment.files("ckpt").exists():  #: MLD003 certain exists_or_raise
            self.experiment.files("ckpt").upload(callback.best_model_path)

    def finalize(self, status: str) -> None:
        if self._experiment is not None:
            print(self._experiment.metrics("train").read())  #: MLD004 certain read_or_raise
            self._experiment.run.complete()
