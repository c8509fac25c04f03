from ml_dash import Experiment

class Trainer:
    def __init__(self, prefix: str):
        self.exp = Experiment(prefix)
        self.options = {"a": 1}

    def fit(self):
        with self.exp.run:
            self.exp.metrics("train").log(loss=1.0)
            self.options.get("a")

    def report(self):
        return self.exp.metrics("train").read()["data"]  #: MLD004 certain read_or_raise

    def has(self, name):
        return self.exp.files(name).exists()  #: MLD003 certain exists_or_raise
