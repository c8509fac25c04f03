from ml_dash import Experiment, ml_dash_experiment

@ml_dash_experiment(prefix="alice/vision/decorated")
def train(experiment: Experiment):
    experiment.params.set(lr=0.1)
    names = experiment.metrics("train").list_all()  #: MLD004 certain list_all_or_raise
    return [each["name"] for each in names]

train()
