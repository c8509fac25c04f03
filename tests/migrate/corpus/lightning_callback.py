import pytorch_lightning as pl
from ml_dash import Experiment

class DashCallback(pl.Callback):
    def __init__(self, prefix):
        super().__init__()
        self._experiment = Experiment(prefix=prefix, dash_url="http://127.0.0.1:3000")

    def on_train_start(self, trainer, module):
        self._experiment.run.start()
        self._experiment.params.set(**module.hparams)

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self._experiment.metrics("train").buffer(loss=outputs["loss"].item())

    def on_train_end(self, trainer, module):
        if not self._experiment.files("models").exists():  #: MLD003 certain exists_or_raise
            trainer.save_checkpoint("m.ckpt")
        self._experiment.run.complete()
