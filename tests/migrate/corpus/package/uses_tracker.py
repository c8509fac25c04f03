from .tracker import Tracker, start
from .train import main

tracker = Tracker()
print(tracker.exp.get("params"), start("x").get("name"))
main()
