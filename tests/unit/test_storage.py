"""LocalStorage: 0.6's methods over a data root, and their siblings."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from ml_dash import Experiment, LocalStorage
from ml_dash.exceptions import (
    CorruptDataError,
    FileReadError,
    InvalidValueError,
    LocalWriteError,
    MetricNotFoundError,
    MLDashDeprecationWarning,
    PrefixError,
    SerializationError,
    TrackNotFoundError,
)

RUN = ("o", "p", "o/p/n")


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """Return a storage with one run."""
    storage = LocalStorage(tmp_path / "root")
    storage.create_experiment("p", "o/p/n", description="d", tags=["a"])
    return storage


def test_a_run_is_made_and_updated(storage: LocalStorage) -> None:
    """The folder is the prefix; what is given again replaces."""
    folder = storage.create_experiment("p", "o/p/n", metadata={"k": 1})
    assert folder == storage.root_path / "o" / "p" / "n"
    document = json.loads((folder / "experiment.json").read_text())
    assert (document["description"], document["tags"], document["metadata"]) == (
        "d", ["a"], {"k": 1})  # fmt: skip
    assert "status" not in document
    with pytest.raises(PrefixError):
        storage.create_experiment("p", "../out")


def test_logs_and_parameters(storage: LocalStorage) -> None:
    """Lines are numbered; parameters merge; a bad value changes nothing."""
    storage.write_log(*RUN, message="a", level="warn", timestamp="t", metadata={"k": 1})
    storage.write_log(*RUN, message="b")
    folder = storage.run_path(RUN[2])
    lines = [json.loads(line) for line in (folder / "logs/logs.jsonl").read_text().splitlines()]
    assert [(line["sequenceNumber"], line["level"]) for line in lines] == [(0, "warn"), (1, "info")]
    assert (folder / "logs/.log_sequence").read_text() == "2"
    assert storage.read_parameters(*RUN) is None
    storage.write_parameters(*RUN, data={"a": 1})
    storage.write_parameters(*RUN, data={"b.c": 2})
    storage.write_parameters(*RUN)
    with pytest.raises(SerializationError):
        storage.write_parameters(*RUN, data={"a": object()})
    assert storage.read_parameters(*RUN) == {"a": 1, "b.c": 2}


def test_metrics(storage: LocalStorage) -> None:
    """Appends answer in 0.6's shapes; a batch is all or nothing."""
    assert storage.append_to_metric(*RUN, metric_name="m", data={"a": 0}) == {
        "metricId": "local-metric-m", "index": "0", "bufferedDataPoints": "1", "chunkSize": 10_000,
    }  # fmt: skip
    batch = storage.append_batch_to_metric(*RUN, "m", [{"a": 1}, {"a": 2}])
    assert (batch["startIndex"], batch["endIndex"], batch["count"]) == ("1", "2", 2)
    with pytest.raises(SerializationError):
        storage.append_batch_to_metric(*RUN, "m", [{"a": 3}, {"a": object()}])
    page = storage.read_metric_data(*RUN, "m", 1, 5)
    assert [point["data"]["a"] for point in page["data"]] == [1, 2]
    assert storage.get_metric_stats(*RUN, "m")["totalDataPoints"] == "3"
    assert [row["name"] for row in storage.list_metrics(*RUN)] == ["m"]
    assert storage.read_metric_data(*RUN, "none")["data"] == []
    for call in (storage.read_metric_data_or_raise, storage.get_metric_stats):
        with pytest.raises(MetricNotFoundError):
            call(*RUN, "none")


def test_tracks(storage: LocalStorage) -> None:
    """A batch is sorted and flattened; filters go by segment."""
    answer = storage.append_batch_to_track(
        *RUN, "robot/arm", [{"timestamp": 2, "x": {"y": 1}}, {"timestamp": 1}])  # fmt: skip
    assert answer == {"trackId": "local-track-robot_arm", "count": 2}
    storage.append_batch_to_track(*RUN, "robotics", [{"timestamp": 1}])
    with pytest.raises(InvalidValueError, match="timestamp"):
        storage.append_batch_to_track(*RUN, "t", [{"timestamp": 1}, {"x": 1}])
    found = storage.read_track_data(*RUN, "robot/arm")
    assert found["entries"] == [{"timestamp": 1}, {"timestamp": 2, "x.y": 1}]
    assert [row["topic"] for row in storage.list_tracks(*RUN, topic_filter="robot/*")] == [
        "robot/arm"]  # fmt: skip
    assert storage.list_tracks(*RUN, topic_filter="robotics")[0]["totalEntries"] == 1
    assert storage.read_track_data(*RUN, "none", format="jsonl") == b""
    with pytest.raises(TrackNotFoundError):
        storage.read_track_data_or_raise(*RUN, "none")


def test_metadata_without_a_json_form(storage: LocalStorage) -> None:
    """The document stays as it was; 0.6 left it cut off."""
    path = storage.run_path("o/p/n") / "experiment.json"
    before = path.read_bytes()
    with pytest.raises(SerializationError):
        storage.create_experiment("p", "o/p/n", metadata={"a": object()})
    assert path.read_bytes() == before


def test_a_folder_of_a_longer_name_is_another(storage: LocalStorage, tmp_path: Path) -> None:
    """``/models`` is not ``/models2``."""
    (tmp_path / "a.txt").touch()
    for place in ("/models", "/models/v2", "/models2"):
        storage.write_file(*RUN, str(tmp_path / "a.txt"), path=place)
    found = storage.list_files(*RUN, path_prefix="/models")
    assert [one["path"] for one in found] == ["/models", "/models/v2"]


def test_files(storage: LocalStorage, tmp_path: Path) -> None:
    """Stored, listed, changed, fetched, deleted; the list on disk follows at once."""
    source = tmp_path / "a.txt"
    source.write_text("hello")
    record = storage.write_file(*RUN, str(source), path="/in", filename="b.txt", tags=["x"])
    assert (record["path"], record["filename"], record["sizeBytes"]) == ("/in", "b.txt", 5)
    storage.update_file_metadata(*RUN, record["id"], description="d")
    listed = storage.list_files(*RUN, path_prefix="/in", tags=["x"])
    assert [(one["description"], one["tags"]) for one in listed] == [("d", ["x"])]
    target = tmp_path / "out.txt"
    assert storage.read_file(*RUN, record["id"], str(target)) == str(target)
    assert target.read_text() == "hello"
    assert storage.delete_file(*RUN, record["id"])["id"] == record["id"]
    assert storage.list_files(*RUN) == storage.list_files_or_raise(*RUN) == []
    index = json.loads((storage.run_path(RUN[2]) / "files/.files_metadata.json").read_text())
    assert [one["deletedAt"] is not None for one in index["files"]] == [True]


def test_damage(storage: LocalStorage, caplog: pytest.LogCaptureFixture) -> None:
    """0.6's answers are kept, loudly; the siblings raise."""
    folder = storage.run_path("o/p/old")
    folder.mkdir(parents=True)
    (folder / "parameters.json").write_text("{")
    old = ("o", "p", "o/p/old")
    with pytest.warns(MLDashDeprecationWarning, match="MLD004"):
        assert storage.read_parameters(*old) is None
    assert "Traceback" in caplog.text
    with pytest.raises(CorruptDataError):
        storage.read_parameters_or_raise(*old)


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    """The error is typed and names the path."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalWriteError, match="file"):
        LocalStorage(tmp_path / "file" / "root")


def test_flush(storage: LocalStorage) -> None:
    """All runs written through the object are brought up to date."""
    run = storage.run_store("o/p/n")
    run.write_track("t", b'{"timestamp":1}', merged=True)
    storage.flush()
    assert (run.folder / "tracks/t/data.jsonl").read_bytes() == b'{"timestamp":1}\n'


UNREADABLE = {
    "metrics/m/data.jsonl": ("read_metric_data_or_raise", "list_metrics_or_raise"),
    "metrics/m/metadata.json": ("get_metric_stats", "list_metrics_or_raise"),
    "tracks/t/data.jsonl": ("read_track_data_or_raise", "list_tracks_or_raise"),
    ".ml-dash/journal.jsonl": ("read_parameters_or_raise", "list_tracks_or_raise"),
}
NAMED = {"read_metric_data_or_raise": "m", "get_metric_stats": "m", "read_track_data_or_raise": "t"}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_there_and_cannot_be_read_is_typed(storage: LocalStorage, name: str) -> None:
    """The error names the file; old clauses for OSError catch it."""
    with Experiment(RUN[2], dash_root=storage.root_path, echo=False).run as exp:
        exp.metrics("m").log(x=1)
        exp.tracks("t").append(x=1)
        exp.params.set(lr=1)
    path = storage.root_path / RUN[2] / name
    path.rename(path.with_suffix(".kept"))
    path.mkdir()
    for method in UNREADABLE[name]:
        which = [NAMED[method]] if method in NAMED else []
        with pytest.raises(FileReadError, match="Is a directory") as caught:
            getattr(storage, method)(*RUN, *which)
        assert str(path) in str(caught.value)
        assert isinstance(caught.value, OSError)
        assert caught.value.errno == errno.EISDIR


def test_a_folder_of_metrics_that_cannot_be_listed(storage: LocalStorage) -> None:
    """It is an error: 0.6 showed what it could read, and nothing of the rest."""
    loop = storage.run_path(RUN[2]) / "metrics"
    loop.rmdir() if loop.is_dir() else loop.unlink(missing_ok=True)
    loop.symlink_to(loop)
    with pytest.raises(FileReadError, match="symbolic links"):
        storage.list_metrics_or_raise(*RUN)
