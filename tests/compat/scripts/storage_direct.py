"""The storage class used directly, as tools around 0.6 do."""

from pathlib import Path

from ml_dash.storage import LocalStorage

storage = LocalStorage(root_path=".dash")
place = {"owner": "alice", "project": "direct", "prefix": "alice/direct/run"}
made = storage.create_experiment(
    project="direct", prefix="alice/direct/run", description="d", tags=["t"], metadata={"m": 1}
)
print(Path(made).resolve().relative_to(Path.cwd().resolve()).as_posix())
storage.write_log(**place, message="one", level="warn", timestamp="2025-01-01T00:00:00.000000Z")
storage.write_log(**place, message="two", metadata={"k": [1]}, timestamp="2025-01-01T00:00:01Z")
storage.write_parameters(**place, data={"a": 1, "b.c": [2]})
storage.write_parameters(**place, data={"a": 2})
print(storage.read_parameters(**place))
print(storage.append_to_metric(**place, metric_name="m", data={"x": 1}, tags=["g"]))
answer = storage.append_batch_to_metric(
    **place, metric_name="m", data_points=[{"x": 2}, {"x": 3}], description="late"
)
print(answer)
page = storage.read_metric_data(**place, metric_name="m", start_index=1, limit=5)
print([point["data"] for point in page["data"]], page["total"], page["hasMore"])
stats = storage.get_metric_stats(**place, metric_name="m")
print([stats[key] for key in ("name", "tags", "description", "totalDataPoints", "chunkSize")])
print([(m["name"], m["totalDataPoints"]) for m in storage.list_metrics(**place)])
entries = [{"timestamp": 2.0, "a": 1}, {"timestamp": 1.0, "b": {"c": 2}}]
print(sorted(storage.append_batch_to_track(**place, topic="a/b", entries=entries).items()))
print(storage.read_track_data(**place, topic="a/b"))
print([t["topic"] for t in storage.list_tracks(**place, topic_filter="a/*")])
print([t["topic"] for t in storage.list_tracks(**place, topic_filter="b")])
Path("f.txt").write_text("content")
record = storage.write_file(
    **place,
    file_path="f.txt",
    path="/p",
    filename="f.txt",
    content_type="text/plain",
    size_bytes=7,
    checksum="ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73",
)
print(record["path"], record["filename"], record["sizeBytes"], Path("f.txt").exists())
print([r["filename"] for r in storage.list_files(**place, path_prefix="/p")])
print(storage.read_file(**place, file_id=record["id"], dest_path="g.txt"))
updated = storage.update_file_metadata(**place, file_id=record["id"], description="new")
print(updated["description"], sorted(storage.delete_file(**place, file_id=record["id"])))
