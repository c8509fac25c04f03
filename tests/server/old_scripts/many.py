"""Clients of an old release, each a process of its own, that send for some seconds."""

import os
import sys
import time

from ml_dash import Experiment
from ml_dash.auth.token_storage import get_token_storage

clients, seconds, project = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
get_token_storage().store("ml-dash-token", os.environ["TOKEN"])


def work(client: int) -> None:
    """Send everything that 0.6 can send; a real run pauses between its steps, too."""
    prefix = f"alice/{project}/sweep/run-{client}"
    with Experiment(prefix, dash_url=os.environ["SERVER"], dash_root=None).run as exp:
        ends_s = time.monotonic() + seconds
        step = 0
        while time.monotonic() < ends_s:
            exp.log(f"step {step}", step=step)
            exp.metrics("train/loss").log(step=step, loss=1 / (step + 1))
            exp.tracks("robot/pose").append(_ts=step / 10, q=[step, client])
            if step % 100 == 0:
                exp.params.set(**{f"step-{step}": client})
                text = f"{project} {client} {step}" if step % 200 else "equal bytes"
                exp.files("states").save_text(text, to=f"state-{step}.txt")
            step += 1
            time.sleep(0.02)


for client in range(clients):
    if os.fork() == 0:
        work(client)
        sys.exit(0)
ended = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(clients)]
sys.exit(int(any(ended)))
