"""release: 0.6.27

Automatic and inherited times, track slices, summaries with extras, bindrs, named errors.
"""

from ml_dash import (
    ConfigurationError,
    Experiment,
    ExperimentError,
    MlDashError,
    StorageError,
)

with Experiment("alice/late/run", dash_root=".dash").run as exp:
    exp.tracks("auto").append(x=1)
    exp.tracks("auto").append(x=2)
    exp.tracks("pose").append(_ts=5.0, x=1)
    exp.tracks("gaze").append(_ts=-1, y=2)
    exp.metrics("m").log(_ts=-1, loss=0.5)
    exp.metrics("m").log(_ts=7, loss=0.25)
    exp.tracks("pose").append(_ts=-1, z=3)
    for time in (1.0, 2.0, 3.0):
        exp.tracks("sliced").append(_ts=time, v=time * 10)
    for batch in range(3):
        exp.metrics("s").buffer(loss=batch)
    exp.metrics.buffer.log_summary("mean", "max", epoch=4, _ts=9)
    exp.flush()
    auto = [entry["timestamp"] for entry in exp.tracks("auto").read()["entries"]]
    print(len(auto), auto[0] < auto[1])
    print(exp.tracks("pose").read()["entries"], exp.tracks("gaze").read()["entries"])
    print([point["data"] for point in exp.metrics("m").read()["data"]])
    print([point["data"] for point in exp.metrics("s").read()["data"]])
    part = exp.tracks("sliced").slice(1.5, 3.0)
    print(len(part), bool(part), [entry["v"] for entry in part], [entry["v"] for entry in part])
    print(part, next(exp.tracks("sliced").slice())["v"])
    print(part.findByTime(2.9)["v"], part.findByTime(99)["v"])
    print([entry["v"] for entry in part.findByTime([2.0, 3.0])], part.findByTime([]))
    for call in (lambda: part.findByTime(0.5), lambda: exp.tracks("none").slice().findByTime(1)):
        try:
            call()
        except StorageError as error:
            print("No entr" in str(error))
    try:
        exp.tracks("pose").append(_ts="noon")
    except ConfigurationError as error:
        print(isinstance(error, MlDashError), "must be numeric" in str(error))
    params = exp.params
    record = exp.files("out", bindrs=["robot", "day-1"])
    record.save_text("bound", to="bound.txt")
    exp.flush()

try:
    params.set(late=True)
except ExperimentError:
    print("closed")
