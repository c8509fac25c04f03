import hydra
from omegaconf import DictConfig
from ml_dash import Experiment

@hydra.main(config_path="conf", config_name="config")
def run(cfg: DictConfig) -> None:
    exp = Experiment(cfg.prefix, remote=cfg.server)  #: MLD006 certain dash_url=
    with exp.run:
        exp.params.set(**cfg)
        cfg.get("lr")
        if exp.files("checkpoints").exists():  #: MLD003 certain exists_or_raise
            exp.files("checkpoints/last.pt").download()

run()
