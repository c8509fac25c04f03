"""Scalars and groups in one call, unnamed metrics, descriptions, pages, counts, lists."""

from ml_dash import Experiment

with Experiment("alice/metrics/nested", dash_root=".dash").run as exp:
    for epoch in range(6):
        result = exp.metrics.log(
            epoch=epoch,
            train={"loss": 1 / (epoch + 1), "acc": epoch / 6},
            eval={"loss": 1.5 / (epoch + 1), "per_class": {"cat": 0.5, "dog": [0.1, 0.2]}},
        )
    assert result is exp.metrics
    exp.metrics.log(lr=0.1, note="warm-up", missing=None, flag=True)
    exp.metrics.log(only={"a": 1}).flush()
    exp.metrics("about", description="About", tags=["x"], metadata={"unit": "s"}).log(value=1)
    exp.metrics("about", description="ignored").log(value=2)
    chain = exp.metrics("chain").log(a=1).log(a=2).flush()
    assert hasattr(chain, "log")
    assert chain is exp.metrics("chain")
    for step in range(30):
        exp.metrics("fine").log(step=step, value=step * 0.1)
    exp.flush()
    fine = exp.metrics("fine")
    for start, limit in ((0, 5), (10, 1000), (28, 5), (40, 5), (0, 30)):
        page = fine.read(start_index=start, limit=limit)
        print(start, limit, [point["data"]["step"] for point in page["data"]])
        print({key: page[key] for key in ("startIndex", "endIndex", "total", "hasMore")})
    missing = exp.metrics("missing").read()
    print("missing", missing["data"], missing["total"], missing["hasMore"])
    stats = exp.metrics("about").stats()
    shown = ("metricId", "name", "description", "tags", "metadata", "totalDataPoints")
    print({key: stats[key] for key in shown})
    print({key: stats[key] for key in ("bufferedDataPoints", "chunkedDataPoints", "totalChunks")})
    try:
        exp.metrics("missing").stats()
    except FileNotFoundError:
        print("no such metric")
    listed = exp.metrics("any").list_all()
    print(sorted((m["name"] or "-", m["totalDataPoints"], m["description"]) for m in listed))
    print("unnamed", [p["data"] for p in exp.metrics("None").read()["data"]][-1])
