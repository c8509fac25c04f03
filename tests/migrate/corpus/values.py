"""Values that were skipped or taken in silence."""
from ml_dash import Experiment

with Experiment("alice/vision/values").run as exp:
    exp.metrics("train").buffer(loss=0.5, stage="warm-up")  #: MLD005 certain TODO
    exp.metrics("train").buffer(loss=0.5, acc=1, none=None, flag=True)
    exp.metrics("train").buffer(loss=0.5, names=["a"])  #: MLD005 certain TODO
    exp.metrics("train").buffer(loss=loss, text=f"{loss}")  #: MLD005 certain TODO
    exp.metrics("train").buffer(**values)
    exp.metrics("train").summary_cache.store(loss="low")  #: MLD005 certain TODO
    exp.tracks("pose").append(_ts="now", x=1)  #: MLD005 certain TODO
    exp.tracks("pose").append(_ts=True, x=1)  #: MLD005 certain TODO
    exp.tracks("pose").append(_ts=1.5, x=1)
    exp.tracks("pose").append(_ts=-1, x="text")
    exp.params.set(**{"a.b": 1}, a={"b": 2})  #: MLD005 certain TODO
    exp.params.set(a={"b": 1}, b={"b": 2})
    exp.params.set({"x.y": 1, "x": {"z": 2}})
