"""No with block: start, complete, start again; a failed run; one that was never started."""

import warnings

from ml_dash import Experiment, LogLevel

exp = Experiment("alice/project/group/start-complete", dash_root=".dash")
print("open", exp._is_open)
assert exp.run.start() is exp
assert exp.run.start() is exp
exp.log("first session")
for step in range(7):
    exp.metrics("steps").log(step=step)
exp.run.complete()
exp.run.complete()
print("open", exp._is_open)

exp.run.start()
exp.log("second session", LogLevel.WARN.value)
exp.metrics("steps").log(step=7)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    exp.log(metadata={"fluent": True}).info("a fluent log", extra=1)
print("deprecated", any(issubclass(w.category, DeprecationWarning) for w in caught))
exp.run.cancel()

again = Experiment("alice/project/group/start-complete", readme="third", dash_root=".dash")
try:
    with again.run:
        again.log("third session")
        again.metrics("steps").log(step=8)
        raise KeyError("the body failed")
except KeyError as error:
    print("propagated", error)
print("open", again._is_open)

with again.run as back:
    back.flush()
    points = back.metrics("steps").read()["data"]
    print([(point["index"], point["data"]["step"]) for point in points])
    print("total", int(back.metrics("steps").stats()["totalDataPoints"]))

never = Experiment("alice/project/never", dash_root=".dash")
never.run.fail()
print("never", never._is_open)
