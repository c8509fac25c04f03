from ml_dash import Experiment, ml_dash_experiment

exp = Experiment("alice/vision/decorated")


@ml_dash_experiment("alice/vision/main", local_path="runs")  #: MLD006 certain dash_root=
def main(lr, experiment):
    experiment.params.set(lr=lr)
    print(experiment.params.get())  #: MLD004 certain get_or_raise


@ml_dash_experiment(prefix="alice/vision/kw")
async def later(*, experiment=None):
    return experiment.metrics("x").read()  #: MLD004 certain read_or_raise


@exp.run
def train():
    return exp.tracks("a").list_entries()  #: MLD004 certain list_entries_or_raise


def logged(func):
    def wrapped(*args, **kwargs):
        print(exp.params.get())  #: MLD004 certain get_or_raise
        return func(*args, **kwargs)
    return wrapped


@logged
def step(experiment):
    return experiment.params.get()
