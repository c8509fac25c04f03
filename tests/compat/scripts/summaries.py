"""The buffer of values per batch, logged as statistics; and the summary cache."""

import math

from ml_dash import Experiment

ALL = (
    "mean",
    "std",
    "min",
    "max",
    "count",
    "median",
    "sum",
    "p50",
    "p90",
    "p95",
    "p99",
    "first",
    "last",
)

with Experiment("alice/metrics/summaries", dash_root=".dash").run as exp:
    for epoch in range(2):
        for batch in range(10):
            exp.metrics("train").buffer(loss=1 / (batch + 1 + epoch), acc=batch / 10)
            exp.metrics("grads").buffer(norm=batch if batch % 3 else None, ok=True, text="2.5")
        exp.metrics("nothing").buffer(value=float("nan"))
        print("peek", exp.metrics.buffer.peek("train", "loss", limit=2))
        print("peek", sorted(exp.metrics.buffer.peek(limit=1)))
        if epoch:
            exp.metrics.buffer.log_summary(*ALL)
        else:
            exp.metrics.buffer.log_summary()
        print("left", exp.metrics.buffer.peek())
        exp.metrics.log(epoch=epoch)
    try:
        exp.metrics.buffer.log_summary("mode")
    except ValueError as error:
        print("Unsupported aggregation" in str(error))
    print(sorted(exp.metrics.buffer.SUPPORTED_AGGS))

    cache = exp.metrics("cached").summary_cache
    assert exp.metrics("cached").summary_cache is cache
    cache.set(epoch=1, phase="train")
    for step in range(4):
        cache.store(loss=4 - step, skip=None)
    print(cache.peek("loss", limit=2))
    cache.summarize(clear=False)
    cache.store(loss=100)
    cache.summarize()
    cache.summarize()
    cache.set(epoch=2)
    cache.summarize()
    exp.flush()
    for name in ("train", "grads", "cached"):
        for point in exp.metrics(name).read()["data"]:
            rounded = {
                key: round(value, 9) if isinstance(value, float) and math.isfinite(value) else value
                for key, value in point["data"].items()
            }
            print(name, point["index"], list(rounded.items()))
