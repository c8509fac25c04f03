"""What the test suites of 0.6.13 and 0.6.27 rely on, beyond names and signatures."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest

from ml_dash import Experiment, LocalStorage, OperationMode
from ml_dash.buffer import BufferConfig
from tests.compat import content


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, with nothing of the machine's user or environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("ML_DASH_BUFFER_ENABLED", "ML_DASH_FLUSH_INTERVAL", "ML_DASH_ERROR_MODE"):
        monkeypatch.delenv(name, raising=False)


def started(prefix: str = "57block/test-project/run", **options: Any) -> Experiment:
    """Return a started experiment in ``store``."""
    experiment = Experiment(prefix, dash_root="store", **options)
    experiment.run.start()
    return experiment


def test_paths_are_root_and_prefix() -> None:
    """The folder is the root and the prefix, nothing else; it is there after start, not before."""
    experiment = Experiment("57block/project/exp", dash_root=str(Path("store").absolute()))
    assert experiment.mode is OperationMode.LOCAL
    assert not Path("store/57block").exists()
    with experiment.run as inside:
        assert inside is experiment
        assert Path("store/57block/project/exp/experiment.json").is_file()
        assert all(Path("store/57block/project/exp", name).is_dir() for name in ("logs", "metrics"))
    assert not Path("home").exists()


def test_buffering_is_read_per_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    """ML_DASH_BUFFER_ENABLED counts when an experiment is built; the next one may differ."""
    monkeypatch.setenv("ML_DASH_BUFFER_ENABLED", "false")
    unbuffered = Experiment("57block/project/a", dash_root="store")
    monkeypatch.setenv("ML_DASH_BUFFER_ENABLED", "true")
    buffered = Experiment("57block/project/b", dash_root="store")
    assert buffered._buffer_manager is None
    for experiment in (unbuffered, buffered):
        experiment.run.start()
    assert unbuffered._buffer_manager is None
    assert buffered._buffer_manager is not None
    for experiment in (unbuffered, buffered):
        experiment.run.complete()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("ML_DASH_FLUSH_INTERVAL", "2.5", "flush_interval", 2.5),
        ("ML_DASH_LOG_BATCH_SIZE", "7", "log_batch_size", 7),
        ("ML_DASH_METRIC_BATCH_SIZE", "8", "metric_batch_size", 8),
        ("ML_DASH_TRACK_BATCH_SIZE", "9", "track_batch_size", 9),
        ("ML_DASH_FILE_UPLOAD_WORKERS", "2", "file_upload_workers", 2),
        ("ML_DASH_BUFFER_ENABLED", "Yes", "buffer_enabled", True),
        ("ML_DASH_BUFFER_ENABLED", "1", "buffer_enabled", True),
        ("ML_DASH_BUFFER_ENABLED", "0", "buffer_enabled", False),
        ("ML_DASH_MAX_RETRIES", "5", "max_retries", 5),
        ("ML_DASH_RETRY_BASE_DELAY", "0.5", "retry_base_delay", 0.5),
        ("ML_DASH_RETRY_MAX_DELAY", "9", "retry_max_delay", 9.0),
    ],
)
def test_buffer_environment(
    name: str, text: str, field: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable of the buffer sets its field."""
    monkeypatch.setenv(name, text)
    assert getattr(BufferConfig.from_env(), field) == value


def test_wrong_environment_number_is_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that cannot be read is a ValueError when the experiment is built."""
    monkeypatch.setenv("ML_DASH_FLUSH_INTERVAL", "soon")
    with pytest.raises(ValueError, match="ML_DASH_FLUSH_INTERVAL"):
        Experiment("57block/project/exp", dash_root="store")


def test_many_logs_keep_their_order() -> None:
    """1000 rapid logs are all there, in order, numbered from 0."""
    experiment = started()
    for number in range(1000):
        experiment.log(f"message {number}", index=number)
    experiment.run.complete()
    lines = content.lines(Path("store/57block/test-project/run/logs/logs.jsonl"))
    assert [line["sequenceNumber"] for line in lines] == list(range(1000))
    assert [line["metadata"]["index"] for line in lines] == list(range(1000))


def test_logging_from_threads() -> None:
    """Logs and points of five threads are all stored, each number once."""
    experiment = started()

    def work(thread: int) -> None:
        for number in range(40):
            experiment.log(f"{thread}/{number}")
            experiment.metrics("shared").log(thread=thread, number=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    experiment.run.complete()
    held = content.read(Path("store/57block/test-project/run"), escaped=True)
    everything = sorted((thread, number) for thread in range(5) for number in range(40))
    assert sorted(line["message"] for line in held["logs"]) == sorted(
        f"{thread}/{number}" for thread, number in everything
    )
    points = [(point["thread"], point["number"]) for point in held["metrics"]["shared"]]
    assert sorted(points) == everything


def test_many_and_long_parameters() -> None:
    """1000 keys, 10,000 characters and unicode come back as they were."""
    values = {f"key_{number}": number * 0.5 for number in range(1000)}
    experiment = started()
    experiment.params.set(**values, long="x" * 10_000, text="日本語 ✓")
    assert experiment.params.get() == {**values, "long": "x" * 10_000, "text": "日本語 ✓"}
    experiment.run.complete()


def test_reading_ten_thousand_points() -> None:
    """``limit=10000`` gives 10,000 points; there is no hidden cap."""
    with started().run as experiment:
        storage: LocalStorage = experiment._storage
        points = [{"step": step} for step in range(10_050)]
        place = ("57block", "test-project", "57block/test-project/run")
        storage.append_batch_to_metric(*place, "big", points)
        page = experiment.metrics("big").read(start_index=0, limit=10_000)
    assert [point["index"] for point in page["data"]] == list(range(10_000))
    assert (page["total"], page["hasMore"]) == (10_000, True)


def test_empty_run_has_its_directories() -> None:
    """A run without metrics has an existing, empty metrics directory."""
    started().run.complete()
    assert list(Path("store/57block/test-project/run/metrics").iterdir()) == []


def test_backends_can_be_replaced_from_both_sides() -> None:
    """0.6.13 patches ``exp.run._storage``, 0.6.27 ``exp._storage``: it is one attribute."""
    experiment = Experiment("57block/project/exp", dash_root="store")
    assert experiment._storage is experiment.run._storage is not None
    assert experiment._client is experiment.run._client is None
    other = LocalStorage("elsewhere")
    experiment._storage = other
    assert experiment.run._storage is other
    experiment.run._storage = None
    assert experiment._storage is None


def test_replaced_root_is_where_the_run_goes() -> None:
    """Tests of 0.6 turn ``dxp`` into a local experiment by assigning a storage and a path."""
    experiment = Experiment("57block/project/exp", dash_root="store")
    experiment._storage = LocalStorage("elsewhere")
    experiment._folder_path = "alice/scratch/dxp"
    assert (experiment.name, experiment.project) == ("dxp", "scratch")
    with experiment.run:
        experiment.log("there")
    assert Path("elsewhere/alice/scratch/dxp/logs/logs.jsonl").is_file()


def test_unknown_file_id_raises_what_tests_accept() -> None:
    """A made-up file id raises ValueError, FileNotFoundError or RuntimeError."""
    experiment = started()
    with pytest.raises((ValueError, FileNotFoundError, RuntimeError)):
        experiment.files(file_id="no-such-id", dest_path="x").download()
    experiment.run.complete()


def test_duplicate_overwrites_its_target() -> None:
    """After duplicating onto an existing file there is exactly one live record, the new one."""
    experiment = started()
    experiment.files("models").save_text("old best", to="best.txt")
    experiment.files("models").save_text("new", to="latest.txt")
    experiment.flush()
    latest = next(r for r in experiment.files.list() if r["filename"] == "latest.txt")
    experiment.files().duplicate(latest, to="models/best.txt")
    experiment.flush()
    best = [r for r in experiment.files.list() if r["filename"] == "best.txt"]
    assert [record["checksum"] for record in best] == [latest["checksum"]]
    experiment.run.complete()


def failing_run() -> None:
    """Write a little of everything, then fail."""
    with started().run as experiment:
        for step in range(150):
            experiment.metrics("train").log(step=step)
            experiment.log(f"step {step}")
        experiment.files("a").save_text("text", to="b.txt")
        raise ZeroDivisionError


def test_data_is_on_disk_when_the_block_ends() -> None:
    """With default settings everything is in the files after the block, also on an exception."""
    with pytest.raises(ZeroDivisionError):
        failing_run()
    run = Path("store/57block/test-project/run")
    assert len(content.lines(run / "metrics/train/data.jsonl")) == 150
    assert len(content.lines(run / "logs/logs.jsonl")) == 150
    assert len(list(run.glob("files/a/*/b.txt"))) == 1


def test_documents_have_the_keys_of_0_6() -> None:
    """The JSON documents carry the keys that tools around 0.6 read."""
    experiment = started(readme="text", tags=["a"], bindrs=["b"], metadata={"m": 1})
    experiment.params.set(a=1)
    experiment.metrics("train").log(x=1)
    experiment.tracks("a/b").append(_ts=1, x=1)
    experiment.files().save_text("text", to="b.txt")
    experiment.run.complete()
    run = Path("store/57block/test-project/run")
    keys = {
        "experiment.json": "name project description tags bindrs prefix metadata created_at",
        "parameters.json": "version data updatedAt",
        "metrics/train/metadata.json": "metricId name description tags metadata totalDataPoints "
        "nextIndex createdAt updatedAt",
        "tracks/a_b/metadata.json": "trackId topic columns totalEntries firstTimestamp "
        "lastTimestamp createdAt",
        "files/.files_metadata.json": "files",
    }
    for name, expected in keys.items():
        document = json.loads((run / name).read_text(encoding="utf-8"))
        assert set(expected.split()) <= set(document), name
    line = content.lines(run / "logs/logs.jsonl")
    assert line == []
    assert (run / "metrics/train/data.jsonl").read_bytes().startswith(b'{"index":0')


def test_a_copied_experiment_can_start() -> None:
    """An experiment that was not started can be copied and pickled, as in 0.6.13."""
    original = Experiment("57block/project/exp", dash_root="store")
    for made in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        with made.run:
            made.log("from a copy")
    lines = content.lines(Path("store/57block/project/exp/logs/logs.jsonl"))
    assert [line["sequenceNumber"] for line in lines] == [0, 1]
