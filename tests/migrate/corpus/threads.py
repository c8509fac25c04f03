import threading
from ml_dash import Experiment

exp = Experiment("alice/vision/threads", local_path="runs")  #: MLD006 certain dash_root=

def work(n):
    exp.metrics(f"worker-{n}").log(value=n)
    while exp.files("stop").exists():  #: MLD003 certain exists_or_raise
        break

with exp.run:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
