"""Run by an old release: a run in a folder."""

from __future__ import annotations

import sys

from ml_dash import Experiment

with Experiment(prefix=sys.argv[1], dash_root="local").run as exp:
    exp.params.set(lr=0.1)
    for number in range(20):
        exp.log(f"line {number}")
        exp.metrics("train").log(loss=number)
