"""Command-line options as parameters; levels and streams of the log echo."""

import argparse

from ml_dash import Experiment

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, nargs="+", default=[64, 32])
parser.add_argument("--name", default="argparse")
parser.add_argument("--dry-run", action="store_true")
args = parser.parse_args(["--lr", "0.01", "--layers", "8", "4"])

experiment = Experiment(prefix=f"alice/cli/{args.name}", dash_root=".dash")
with experiment.run:
    experiment.params.set(**vars(args))
    experiment.params.set(args=vars(args))
    for level in ("info", "WARN", "Error", "debug", "fatal"):
        experiment.log(f"at {level}", level=level, lr=args.lr, layers=args.layers)
    experiment.log("")
    experiment.log("metadata only", metadata={"none": None, "nested": {"a": True}})
    try:
        experiment.log("bad", level="warning")
    except ValueError as error:
        print("Invalid log level" in str(error), "info, warn, error, debug, fatal" in str(error))
    print(experiment.params.get())
