"""A backup of a running server, restored, is the same; a check finds what is missing."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ml_dash.exceptions import ConfigurationError, CorruptDataError
from ml_dash.server.settings import ServerSettings
from ml_dash.server.upkeep.backups import back_up, check, restore
from tests.server.live import experiment_of, run_of, running
from tests.server.web.test_tree import send_file


def test_a_backup_of_a_running_server_is_restored(tmp_path: Path) -> None:
    """What came after the backup is not in it; the second backup copies only what is new."""
    settings = ServerSettings(data=tmp_path / "data")
    backup = tmp_path / "backup"
    with running(settings) as live:
        token = live.token("alice")
        alice = live.client(token)
        run = run_of(alice)
        path = f"/api/experiments/{run['experiment']['id']}"
        node = send_file(alice, run, b"content").json()["node"]["id"]
        alice.post(f"{path}/logs", json={"logs": [{"message": "before"}]}).raise_for_status()
        assert back_up(settings, backup).files == 1
        assert back_up(settings, backup).known == 1
        alice.post(f"{path}/logs", json={"logs": [{"message": "after"}]}).raise_for_status()
    fresh = dataclasses.replace(settings, data=tmp_path / "fresh")
    assert restore(fresh, backup).files == 1
    assert check(fresh, read_bytes=True).sound
    with running(fresh) as live:
        alice = live.client(token)
        assert [each["message"] for each in alice.get(f"{path}/logs").json()["logs"]] == ["before"]
        assert alice.get(f"/api/nodes/{node}/download").content == b"content"
    with pytest.raises(ConfigurationError, match="a database already"):
        restore(fresh, backup)


def test_a_check_names_what_is_missing(tmp_path: Path) -> None:
    """Also a backup does."""
    settings = ServerSettings(data=tmp_path / "data")
    with running(settings) as live:
        send_file(live.as_user("alice"), run_of(live.as_user("alice")), b"content")
        experiment_of(live.as_user("alice"))
    [stored] = [each for each in (settings.data / "files").rglob("*") if each.is_file()]
    stored.unlink()
    assert check(settings).files.missing == [stored.name]
    with pytest.raises(CorruptDataError, match="1 files are missing"):
        back_up(settings, tmp_path / "backup")


def test_a_check_counts_what_is_not_finished(tmp_path: Path) -> None:
    """It is no problem, and no backup has it."""
    settings = ServerSettings(data=tmp_path / "data")
    with running(settings) as live:
        client = live.as_user("alice")
        headers = {"upload-offset": "0", "upload-length": "9"}
        url = f"{experiment_of(client)}/uploads/{'0' * 64}"
        client.patch(url, content=b"piece", headers=headers).raise_for_status()
    found = check(settings)
    assert found.sound
    assert found.files.unfinished == [5]
    assert back_up(settings, tmp_path / "backup").files == 0


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    """A backup goes into an empty folder, a new one, or an earlier backup."""
    settings = ServerSettings(data=tmp_path / "data")
    with running(settings):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("x")
        with pytest.raises(ConfigurationError, match="no backup"):
            back_up(settings, tmp_path / "mine")
    assert [each.name for each in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_folder_of_a_server_is_no_backup(tmp_path: Path) -> None:
    """Its database has a log beside it: taken alone, it would be an older one, or an empty one."""
    settings = ServerSettings(data=tmp_path / "data")
    fresh = dataclasses.replace(settings, data=tmp_path / "fresh")
    with running(settings), pytest.raises(ConfigurationError, match=r"no backup\.json"):
        restore(fresh, settings.data)
    assert not fresh.data.exists()


def test_a_backup_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """There is no database afterwards that this release could not use."""
    settings = ServerSettings(data=tmp_path / "data")
    with running(settings):
        back_up(settings, tmp_path / "backup")
    with closing(sqlite3.connect(tmp_path / "backup" / "ml-dash.db")) as backup, backup:
        backup.execute("UPDATE alembic_version SET version_num = '9999'")
    fresh = dataclasses.replace(settings, data=tmp_path / "fresh")
    with pytest.raises(ConfigurationError, match="newer release"):
        restore(fresh, tmp_path / "backup")
    assert not (fresh.data / "ml-dash.db").exists()


def test_a_check_reads_points(tmp_path: Path) -> None:
    """A series that does not agree with its points, and a batch that cannot be read."""
    settings = ServerSettings(data=tmp_path / "data")
    with running(settings) as live:
        alice = live.as_user("alice")
        run = experiment_of(alice)
        for name in ("count", "bytes"):
            body = {"dataPoints": [{"v": 1}, {"v": 2}]}
            alice.post(f"{run}/metrics/{name}/append-batch", json=body).raise_for_status()
        assert check(settings, read_bytes=True).sound
    with closing(sqlite3.connect(settings.data / "ml-dash.db")) as database, database:
        (first,) = database.execute("SELECT min(id) FROM point_series").fetchone()
        database.execute("UPDATE point_series SET next_index = 3 WHERE id = ?", (first,))
        database.execute("UPDATE point_batches SET payload = x'00' WHERE series_id <> ?", (first,))
    found = check(settings)
    assert ([str(first) in each for each in found.problems], found.sound) == ([True], False)
    assert len(check(settings, read_bytes=True).problems) == 2
