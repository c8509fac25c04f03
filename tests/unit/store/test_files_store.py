"""The files of a run: the journal is the truth, the list a snapshot, the folder stays its own."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from ml_dash._store import file_intake
from ml_dash._store.files import FileStore
from ml_dash._store.journal import Journal
from ml_dash._store.places import checked_place
from ml_dash.exceptions import (
    ChecksumMismatchError,
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidFileError,
    InvalidValueError,
    LocalWriteError,
    SerializationError,
)

KEYS = [
    "id", "experimentId", "path", "filename", "description", "tags", "bindrs", "contentType",
    "sizeBytes", "checksum", "metadata", "uploadedAt", "updatedAt", "deletedAt",
]  # fmt: skip


def files(folder: Path, **options: Any) -> FileStore:
    """Return the files of a run as a new process would see them."""
    journal = Journal(folder / ".ml-dash/journal.jsonl")
    return FileStore(folder, "project/owner/project/run", journal, **options)


def text(folder: Path, name: str, content: str = "content", store: FileStore | None = None) -> Any:
    """Store a text as ``name``, folders included."""
    made = store or files(folder)
    return made.store_made(lambda path: path.write_text(content), filename=name)


def snapshot_path(folder: Path) -> Path:
    """Return where the list lies."""
    return folder / "files/.files_metadata.json"


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return the records of the snapshot."""
    found: list[dict[str, Any]] = json.loads(snapshot_path(folder).read_text())["files"]
    return found


def names(store: FileStore) -> list[str]:
    """Return folder and name of each file."""
    return [f"{r['path'].strip('/')}/{r['filename']}".lstrip("/") for r in store.list()]


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# --- storing ------------------------------------------------------------------------------------


def test_a_stored_file_lies_where_0_6_looks(tmp_path: Path) -> None:
    """The tree, the record's keys and their order, and the snapshot are those of 0.6."""
    source = tmp_path / "weights.json"
    source.write_text("{}")
    record = files(tmp_path).store(source, path="models", tags=["a"], metadata={"epoch": 1})
    assert list(record) == KEYS
    assert (record["path"], record["filename"]) == ("/models", "weights.json")
    assert record["contentType"] == "application/json"
    assert record["experimentId"] == "project/owner/project/run"
    assert (tmp_path / "files/models" / record["id"] / "weights.json").read_text() == "{}"
    assert listed(tmp_path) == [record]
    assert snapshot_path(tmp_path).read_text().startswith('{\n  "files": [\n    {\n')
    assert source.read_text() == "{}"


def test_a_replaced_file_goes_and_nothing_with_it(tmp_path: Path) -> None:
    """The old version's folder is removed; its neighbours are not."""
    text(tmp_path, "m/other")
    old = text(tmp_path, "m/a", "old")
    (tmp_path / "files/m/note.txt").write_text("the user's own")
    new = text(tmp_path, "m/a", "new")
    assert not (tmp_path / "files/m" / old["id"]).exists()
    assert (tmp_path / "files/m/note.txt").read_text() == "the user's own"
    assert files(tmp_path).read(new["id"]) == b"new"
    assert names(files(tmp_path)) == ["m/other", "m/a"]


def test_a_replaced_file_does_not_come_back_from_a_list_that_is_behind(tmp_path: Path) -> None:
    """A kill can leave an old snapshot; readers and writers believe the journal."""
    text(tmp_path, "a", "old")
    behind = snapshot_path(tmp_path).read_bytes()
    new = text(tmp_path, "a", "new")
    snapshot_path(tmp_path).write_bytes(behind)
    assert [r["id"] for r in files(tmp_path).list()] == [new["id"]]
    writer = files(tmp_path)
    text(tmp_path, "b", store=writer)
    assert names(writer) == ["a", "b"]
    assert listed(tmp_path)[0]["id"] == new["id"]


def test_an_interrupt_after_noting_takes_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the snapshot is written finds the file accepted: its bytes stay."""
    store = files(tmp_path)

    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.index, "write_snapshot", interrupt)
    with pytest.raises(KeyboardInterrupt):
        text(tmp_path, "a", store=store)
    (record,) = files(tmp_path).list()
    assert files(tmp_path).read(record["id"]) == b"content"


def test_an_interrupt_before_noting_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the file arrives, or as it has just arrived, leaves no part of it."""
    text(tmp_path, "kept")
    before = tree(tmp_path / "files")

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files(tmp_path).store_made(interrupt, filename="a")
    monkeypatch.setattr(file_intake, "stamp", interrupt)
    with pytest.raises(KeyboardInterrupt):
        text(tmp_path, "b")
    assert tree(tmp_path / "files") == before
    assert names(files(tmp_path)) == ["kept"]


def test_a_refused_write_is_typed_and_leaves_nothing(tmp_path: Path) -> None:
    """A disk that is full while the file is made gives the error with its number."""
    store = files(tmp_path)
    text(tmp_path, "kept", store=store)
    before = tree(tmp_path)

    def fill_up(path: Path) -> None:
        path.write_bytes(b"part")
        raise OSError(28, "No space left on device")

    with pytest.raises(FileUploadError, match="No space left") as caught:
        store.store_made(fill_up, path="m", filename="big")
    assert caught.value.errno == 28
    assert "by itself" not in caught.value.hint
    assert caught.value.kept
    assert tree(tmp_path) == before
    assert not list((tmp_path / "files").glob(".*~"))
    text(tmp_path, "m/big", store=store)
    assert store.stored == 2


def test_a_source_with_another_checksum_is_not_stored(tmp_path: Path) -> None:
    """A known checksum is checked against the bytes that arrived."""
    (tmp_path / "source").write_text("x")
    with pytest.raises(ChecksumMismatchError):
        files(tmp_path).store(tmp_path / "source", checksum="0" * 64)
    assert files(tmp_path).list() == []
    assert tree(tmp_path / "files") == {}


def test_durable_files_are_stored_alike(tmp_path: Path) -> None:
    """With fsync the same file is in the same place."""
    record = text(tmp_path, "a/b/c", store=files(tmp_path, durable=True))
    assert (tmp_path / "files/a/b" / record["id"] / "c").read_text() == "content"


def _store_some(folder: Path, who: int) -> None:
    store = files(folder)
    for number in range(20):
        text(folder, f"{who}/{number}", str(number), store)
        text(folder, "same", f"{who}.{number}", store)
    store.flush()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_several_processes_store_into_one_run(tmp_path: Path, method: str) -> None:
    """No record is lost, none is there twice, and one version of the shared name is left."""
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=_store_some, args=(tmp_path, who)) for who in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    found = files(tmp_path).list()
    assert len(found) == 61
    assert len({record["id"] for record in found}) == 61
    for record in found:
        assert files(tmp_path).read(record["id"])
    assert len(list((tmp_path / "files").rglob("same"))) == 1


def test_the_list_is_not_written_for_each_of_many_files(tmp_path: Path) -> None:
    """The snapshot may be behind, never the journal; flush brings it up to date."""
    store = files(tmp_path)
    for number in range(300):
        text(tmp_path, f"m/{number}", store=store)
    assert len(files(tmp_path).list()) == 300
    store.flush()
    assert len(listed(tmp_path)) == 300


@pytest.mark.parametrize("left", ["fewer", "older", "replaced"])
def test_a_list_left_behind_by_a_kill_is_made_good(tmp_path: Path, left: str) -> None:
    """The next run of the folder brings it up to date at flush, without storing a file."""
    first = text(tmp_path, "a")
    behind = snapshot_path(tmp_path).read_bytes()
    if left == "older":
        files(tmp_path).update(first["id"], description="new")
    else:
        text(tmp_path, "b" if left == "fewer" else "a")
    expected = listed(tmp_path)
    snapshot_path(tmp_path).write_bytes(behind)
    reopened = files(tmp_path)
    reopened.list()
    reopened.flush()
    assert listed(tmp_path) == expected


def test_a_list_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    """Opening and flushing a run rewrites nothing."""
    text(tmp_path, "a")
    before = snapshot_path(tmp_path).stat()
    reopened = files(tmp_path)
    reopened.list()
    reopened.flush()
    after = snapshot_path(tmp_path).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# --- what must not get in or out ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "filename"),
    [
        ("..", "a"), ("m/../..", "a"), ("", "../a"), ("", "."), ("m", ""), ("", "a/"),
        ("a\0b", "c"), ("", "n" * 256), ("", "é" * 128), ("", "half \ud800"),
        (".files_metadata.json", "a"), (".files_metadata.lock", "a"),
    ],
)  # fmt: skip
def test_names_that_no_file_may_have(tmp_path: Path, path: str, filename: str) -> None:
    """Each is refused before anything is written."""
    (tmp_path / "source").write_text("x")
    with pytest.raises(InvalidFileError):
        files(tmp_path).store_made(lambda p: p.write_text("x"), path=path, filename=filename)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


@pytest.mark.parametrize(
    ("path", "filename", "place"),
    [
        ("/m/", "a", ("/m", "a")), ("m//n", "/o/a", ("/m/n/o", "a")), ("/", "a", ("/", "a")),
        ("", "n" * 255, ("/", "n" * 255)), ("a b", "ü.txt", ("/a b", "ü.txt")),
        ("", "...", ("/", "...")), ("", ".files_metadata.json", ("/", ".files_metadata.json")),
    ],
)  # fmt: skip
def test_names_are_brought_into_one_form(path: str, filename: str, place: tuple[str, str]) -> None:
    """Folders in the name join the folder; slashes at the ends do not count."""
    assert checked_place(path, filename) == place


@pytest.mark.parametrize("link", ["files/m", "files/m/n", "files"])
def test_planted_links_lead_nowhere(tmp_path: Path, link: str) -> None:
    """A folder that is a symbolic link is refused; nothing is written behind it."""
    outside, run = tmp_path / "outside", tmp_path / "run"
    outside.mkdir()
    (run / link).parent.mkdir(parents=True)
    (run / link).symlink_to(outside)
    with pytest.raises(InvalidFileError, match="symbolic link"):
        text(run, "m/n/a")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("bad", [{"id": "/etc"}, {"id": ".."}, {"id": ""}, {"id": None},
                                 {"filename": "../../x"}, {"filename": "/etc/hostname"},
                                 {"path": 3}])  # fmt: skip
def test_a_planted_record_leads_nowhere(tmp_path: Path, bad: dict[str, Any]) -> None:
    """A list with an impossible record is damaged: nothing follows it, no neighbour is removed."""
    record = text(tmp_path, "m/a")
    (tmp_path / "files/m/note.txt").write_text("the user's own")
    planted = {**record, "updatedAt": "9999", **bad}
    snapshot_path(tmp_path).write_text(json.dumps({"files": [planted]}))
    assert [r["id"] for r in files(tmp_path).list()] == [record["id"]]
    text(tmp_path, "m/a", "new")
    assert names(files(tmp_path)) == ["m/a"]
    assert (tmp_path / "files/m/note.txt").exists()
    assert len(list((tmp_path / "files").glob(".files_metadata.json.damaged-*"))) == 1


def test_a_record_of_0_6_that_leads_out_is_listed_but_not_followed(tmp_path: Path) -> None:
    """0.6 took `..` in a folder's name."""
    (tmp_path / "secret/1").mkdir(parents=True)
    (tmp_path / "secret/1/a").write_text("secret")
    record = {"id": "1", "path": "/../secret", "filename": "a", "updatedAt": "2026"}
    (tmp_path / "files").mkdir()
    snapshot_path(tmp_path).write_text(json.dumps({"files": [record]}))
    assert len(files(tmp_path).list()) == 1
    with pytest.raises(InvalidFileError, match="leads out"):
        files(tmp_path).fetch("1", tmp_path / "stolen")
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize(
    "said",
    [{"tags": "abc"}, {"tags": [1]}, {"tags": {"a": 1}}, {"bindrs": 3}, {"metadata": 3},
     {"metadata": [1]}, {"metadata": {"f": object()}}, {"metadata": {1: 2, "1": 3}}],
)  # fmt: skip
def test_what_is_said_about_a_file_is_checked_first(tmp_path: Path, said: dict[str, Any]) -> None:
    """Wrong types are refused at the call; nothing is written."""
    (tmp_path / "source").write_text("x")
    with pytest.raises(InvalidValueError) as caught:
        files(tmp_path).store(tmp_path / "source", **said)
    assert isinstance(caught.value, SerializationError) == (
        "metadata" in said and isinstance(said["metadata"], dict)
    )
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_records_given_out_are_the_receivers_own(tmp_path: Path) -> None:
    """Changing an answer, or what was passed in, changes nothing stored."""
    store, tags, metadata = files(tmp_path), ["a"], {"deep": {"n": 1}}
    made = store.store_made(lambda p: p.write_text("x"), filename="a", tags=tags, metadata=metadata)
    tags.append("b")
    metadata["deep"]["n"] = 2
    for record in (made, store.list()[0], store.find(made["id"])):
        record["tags"].append("c")
        record["metadata"]["deep"]["n"] = 3
    text(tmp_path, "b", store=store)
    store.flush()
    assert (listed(tmp_path)[0]["tags"], listed(tmp_path)[0]["metadata"]) == (
        ["a"],
        {"deep": {"n": 1}},
    )


# --- reading --------------------------------------------------------------------------------------


def test_folders_are_compared_by_segments(tmp_path: Path) -> None:
    """`models` holds `models/v2`, not `models2`; old records with a slash at the end are found."""
    for name in ("models/a", "models/v2/b", "models2/c", "d"):
        text(tmp_path, name)
    assert len(files(tmp_path).list("models")) == len(files(tmp_path).list("/models/")) == 2
    assert len(files(tmp_path).list("/")) == len(files(tmp_path).list()) == 4
    old = {**listed(tmp_path)[0], "id": "7", "path": "/models/", "filename": "old"}
    snapshot_path(tmp_path).write_text(json.dumps({"files": [*listed(tmp_path), old]}))
    assert len(files(tmp_path).list("models")) == 3


def test_a_file_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Existing destinations are replaced, links are followed, the answer is as given."""
    record = text(tmp_path, "a.txt", "content")
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert files(tmp_path).fetch(record["id"], str(tmp_path / "link")) == str(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "content"


def test_destinations_that_no_file_can_have(tmp_path: Path) -> None:
    """A folder, a device and a missing folder are refused; nothing is replaced."""
    record = text(tmp_path, "a")
    os.mkfifo(tmp_path / "fifo")
    before = sorted(tmp_path.rglob("*"))
    for destination in (tmp_path, tmp_path / "fifo", tmp_path / "none/a"):
        with pytest.raises(InvalidFileError) as caught:
            files(tmp_path).fetch(record["id"], destination)
        assert isinstance(caught.value, FileNotFoundError)
    assert sorted(tmp_path.rglob("*")) == before


def test_damaged_and_missing_bytes(tmp_path: Path) -> None:
    """Both are told apart; a copy of damaged bytes is not made either."""
    record = text(tmp_path, "a")
    stored = tmp_path / "files" / record["id"] / "a"
    stored.write_text("rotten!")
    for use in (
        lambda s: s.fetch(record["id"], tmp_path / "out"),
        lambda s: s.read(record["id"]),
        lambda s: s.copy_within(record["id"], filename="b"),
    ):
        with pytest.raises(ChecksumMismatchError):
            use(files(tmp_path))
    assert not (tmp_path / "out").exists()
    assert names(files(tmp_path)) == ["a"]
    stored.unlink()
    with pytest.raises(ExperimentFileNotFoundError, match="gone"):
        files(tmp_path).read(record["id"])


def test_an_unreadable_list_is_typed(tmp_path: Path) -> None:
    """A list that is a folder is not taken for empty, not even the second time."""
    store = files(tmp_path)
    snapshot_path(tmp_path).mkdir(parents=True)
    for _ in range(2):
        with pytest.raises(FileReadError, match=r"[Cc]annot .*read"):
            store.list()
        with pytest.raises(FileUploadError):
            text(tmp_path, "a", store=store)
    snapshot_path(tmp_path).rmdir()
    by_0_6 = {"id": "71", "path": "/", "filename": "old", "updatedAt": "2026"}
    snapshot_path(tmp_path).write_text(json.dumps({"files": [by_0_6]}))
    text(tmp_path, "a", store=store)
    assert names(store) == ["old", "a"]
    assert [r["filename"] for r in listed(tmp_path)] == ["old", "a"]


# --- changing -------------------------------------------------------------------------------------


def test_only_given_fields_change(tmp_path: Path) -> None:
    """None leaves a field, an empty list clears it."""
    made = files(tmp_path).store_made(
        lambda p: p.write_text("x"), filename="a", tags=["t"], description="d", bindrs="one"
    )
    assert made["bindrs"] == ["one"]
    changed = files(tmp_path).update(made["id"], description="new", tags=None)
    assert (changed["description"], changed["tags"], changed["bindrs"]) == ("new", ["t"], ["one"])
    assert changed["updatedAt"] > made["updatedAt"]
    assert files(tmp_path).update(made["id"], tags=[])["tags"] == []
    with pytest.raises(InvalidValueError):
        files(tmp_path).update(made["id"], tags="abc")
    assert files(tmp_path).find(made["id"])["description"] == "new"


def test_a_deleted_file_keeps_its_bytes(tmp_path: Path) -> None:
    """It is marked, as by 0.6, and a new one of its name is another file."""
    record = text(tmp_path, "a")
    gone = files(tmp_path).delete(record["id"])
    assert gone == {"id": record["id"], "deletedAt": listed(tmp_path)[0]["updatedAt"]}
    assert (tmp_path / "files" / record["id"] / "a").exists()
    text(tmp_path, "a")
    assert len(files(tmp_path).list()) == 1
    assert len(listed(tmp_path)) == 2


@pytest.mark.parametrize("known", ["unknown", "deleted"])
def test_unknown_files_are_not_changed(tmp_path: Path, known: str) -> None:
    """Changing and reading what is not there gives the error that 0.6 gave, and no hang."""
    file_id = text(tmp_path, "a")["id"] if known == "deleted" else "17"
    if known == "deleted":
        files(tmp_path).delete(file_id)
    for use in (FileStore.delete, FileStore.update, FileStore.read, FileStore.fetch):
        with pytest.raises(ExperimentFileNotFoundError) as caught:
            use(files(tmp_path), file_id)
        assert isinstance(caught.value, FileNotFoundError)


def test_a_change_that_cannot_be_written_is_typed(tmp_path: Path) -> None:
    """The journal removed under an open run: nothing is changed, and the error says so."""
    store = files(tmp_path)
    record = text(tmp_path, "a", store=store)
    (tmp_path / ".ml-dash/journal.jsonl").unlink()
    with pytest.raises(LocalWriteError, match="removed") as caught:
        store.delete(record["id"])
    assert caught.value.kept


# --- together with 0.6 ----------------------------------------------------------------------------


def test_what_0_6_wrote_in_between_is_taken_over(tmp_path: Path) -> None:
    """New, changed, deleted and replaced records of 0.6 are read at once and noted at a write."""
    first = {n: text(tmp_path, f"m/{n}") for n in ("changed", "deleted", "replaced", "kept")}
    later, records = "9999-01-01T00:00:00.000000Z", {r["filename"]: r for r in listed(tmp_path)}
    records["changed"] |= {"description": "by 0.6", "updatedAt": later}
    records["deleted"] |= {"deletedAt": later, "updatedAt": later}
    records["replaced"] = {**records["replaced"], "id": "71", "updatedAt": later}
    os.rename(tmp_path / "files/m" / first["replaced"]["id"], tmp_path / "files/m/71")
    records["new"] = {**records["kept"], "id": "72", "filename": "new"}
    snapshot_path(tmp_path).write_text(json.dumps({"files": list(records.values())}))

    def check(store: FileStore) -> None:
        found = {r["filename"]: r for r in store.list()}
        assert sorted(found) == ["changed", "kept", "new", "replaced"]
        assert found["changed"]["description"] == "by 0.6"
        assert found["replaced"]["id"] == "71"
        assert store.find("72")["filename"] == "new"
        with pytest.raises(ExperimentFileNotFoundError):
            store.find(first["replaced"]["id"])

    check(files(tmp_path))
    writer = files(tmp_path)
    writer.delete(text(tmp_path, "m/another", store=writer)["id"])
    check(writer)
    snapshot_path(tmp_path).unlink()
    check(files(tmp_path))


def test_flush_does_not_write_over_what_0_6_wrote(tmp_path: Path) -> None:
    """A list that is behind takes 0.6's records along when it is written."""
    store = files(tmp_path)
    text(tmp_path, "a", store=store)
    store.index._next_at = float("inf")
    text(tmp_path, "b", store=store)
    by_0_6 = {**listed(tmp_path)[0], "id": "72", "filename": "c"}
    snapshot_path(tmp_path).write_text(json.dumps({"files": [*listed(tmp_path), by_0_6]}))
    store.flush()
    assert sorted(r["filename"] for r in listed(tmp_path)) == ["a", "b", "c"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"files": 3}', '{"files": [3]}', None])
def test_a_spoilt_list_is_made_again(
    tmp_path: Path, damage: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal has it; the damaged one is kept aside and named in the log."""
    for number in range(3):
        text(tmp_path, f"m/{number}")
    snapshot_path(tmp_path).unlink()
    if damage is not None:
        snapshot_path(tmp_path).write_text(damage)
    assert len(files(tmp_path).list()) == 3
    text(tmp_path, "m/3")
    assert [r["filename"] for r in listed(tmp_path)] == ["0", "1", "2", "3"]
    aside = list((tmp_path / "files").glob(".files_metadata.json.damaged-*"))
    assert [p.read_text() for p in aside] == ([] if damage is None else [damage])
    assert (".files_metadata.json" in caplog.text) == (damage is not None)


@pytest.mark.parametrize("damage", ["{", None])
def test_a_folder_of_0_6_without_its_list(
    tmp_path: Path, damage: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Without list and journal, the folder tells; what is no stored file is left out."""
    for place in ("files/70/a.txt", "files/m/v2/71/b.bin"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(place)
    (tmp_path / "files/m/note.txt").write_text("the user's own")
    (tmp_path / "files/.0a1b~").mkdir()
    (tmp_path / "files/.0a1b~/part").write_text("a part")
    if damage:
        snapshot_path(tmp_path).write_text(damage)
    assert names(files(tmp_path)) == ["a.txt", "m/v2/b.bin"]
    text(tmp_path, "new")
    assert names(files(tmp_path)) == ["a.txt", "m/v2/b.bin", "new"]
    assert files(tmp_path).read("71") == b"files/m/v2/71/b.bin"
    assert "made again from the folder" in caplog.text
