# runs
from ml_dash import Experiment

with Experiment("alice/vision/fluent", dash_root=".dash").run as exp:
    exp.log("plain")
    exp.log("plain", level="warn", step=1)
    exp.log().info("bare")  #: MLD006 certain exp.logs.info("bare")
    exp.log(step=1).warn("step")  #: MLD006 certain exp.logs.warn("step", step=1)
    exp.log(metadata={"a": 1}).info("inline", b=2)  #: MLD006 certain exp.logs.info("inline", a=1, b=2)
    exp.log(metadata={"a": 1, "b": "x"}, c=3).debug(message="kw")  #: MLD006 certain exp.logs.debug(message="kw", a=1, b="x", c=3)
    exp.log(None, step=2).info("none")  #: MLD006 certain exp.logs.info("none", step=2)
    exp.log(message=None).info("none")  #: MLD006 certain exp.logs.info("none")
    logger = exp.log()  #: MLD006 certain logger = exp.logs
    logger.info("kept")
    meta = {"k": 1}
    exp.log(metadata=meta).info("by name")  #: MLD006 certain TODO
    exp.log(step=1).info("twice", step=2)  #: MLD006 certain TODO
    exp.log(step=len(meta)).info(str(meta))  #: MLD006 certain TODO
    kept = exp.log(run=1)  #: MLD006 certain TODO
    kept.info("with run")
    exp.log("")
    exp.log(0)
