# runs
import ml_dash

experiment = ml_dash.Experiment("alice/vision/start", dash_root=".dash")
experiment.run.start()
experiment.params.set(seed=1)
experiment.metrics("eval").log(acc=0.5)
points = experiment.metrics("eval").read(0, 10)  #: MLD004 certain read_or_raise
print(len(points["data"]))
experiment.run.complete()
