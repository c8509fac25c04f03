from ml_dash import Experiment
from loguru import logger


class Trainer:
    def __init__(self, exp: Experiment, logger):
        self.exp = exp
        self.out = logger

    def step(self, n, **facts):
        self.exp.log(step=n).info(f"step {n}")  #: MLD006 certain self.exp.logs.info(f"step {n}", step=n)
        self.exp.log(**facts).info("facts")  #: MLD006 likely TODO
        self.exp.log(*facts)
        self.out.log().info("x")
        logger.log(step=1)
        self.exp.log(facts.get("message"))
        self.exp.log(metadata={"message": 1}).info("x")  #: MLD006 certain TODO
        self.exp.log(metadata={"not a name": 1}).info("x")  #: MLD006 certain TODO
        self.exp.log(level="warn").info("x")  #: MLD006 certain self.exp.logs.info("x")
        (self.exp
            .log(step=n)  #: MLD006 certain .logs
            # a comment in between
            .info("chained"))  #= .info("chained", step=n)
        return self.exp.log(step=n)  #: MLD006 certain TODO
