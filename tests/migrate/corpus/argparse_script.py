# runs
import argparse
from ml_dash import Experiment

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    args = parser.parse_args()
    with Experiment("alice/vision/argparse", local_path=".dash").run as exp:  #: MLD006 certain dash_root=
        exp.params.set(lr=args.lr)
        for step in range(3):
            exp.metrics("train").log(loss=1 / (step + 1))
        params = exp.params.get()  #: MLD004 certain get_or_raise
        print(params["lr"])

if __name__ == "__main__":
    main()
