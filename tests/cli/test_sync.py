"""The commands about delivery, as a user runs them, against a server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_dash import Experiment
from tests.cli.conftest import Run, terminal
from tests.delivery.loopback import TOKEN, Loopback, serving

OWED = 3


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Return a server that runs until the test ends."""
    with serving() as running:
        yield running


@pytest.fixture
def offline(server: Loopback, tmp_path: Path) -> Path:
    """Return the folder of a run that owes everything."""
    exp = Experiment("alice/vision/first", dash_url=server.url, dash_root=tmp_path / ".dash",
                     offline=True, echo=False)  # fmt: skip
    with exp.run:
        for number in range(5):
            exp.log(f"line {number}")
        exp.params.set(lr=0.1)
    return exp.folder


def test_sync_delivers_what_is_owed(ml_dash: Run, server: Loopback, offline: Path) -> None:
    """Status counts what is owed, sync delivers it, and both say with their code how it stands."""
    before = ml_dash("status", "--json")
    assert before.returncode == OWED
    (row,) = json.loads(before.stdout)
    assert (row["accepted"], row["pending"]) == (8, 8)
    synced = ml_dash("sync", ML_DASH_TOKEN=TOKEN)
    assert (synced.returncode, synced.stderr) == (0, "")
    assert "delivered (8 of 8 records" in synced.stdout
    assert [line["message"] for line in server.run.logs] == [f"line {n}" for n in range(5)]
    assert server.run.statuses[-1] == "COMPLETED"
    assert ml_dash("status", str(offline)).returncode == 0
    assert ml_dash("sync", str(offline), ML_DASH_TOKEN=TOKEN).returncode == 0
    assert len(server.run.logs) == 5


def test_sync_shows_how_far_it_is(server: Loopback, offline: Path, tmp_path: Path) -> None:
    """At a terminal a bar counts the records of each run, up to all of them."""
    with terminal("sync", str(offline), home=tmp_path, ML_DASH_TOKEN=TOKEN) as drawn:
        assert "0/8" in drawn
        assert "8/8" in drawn
        assert "delivered (8 of 8 records" in drawn


def test_sync_without_a_token(ml_dash: Run, server: Loopback, offline: Path) -> None:
    """A refused token is said once, with what to do; everything stays owed."""
    done = ml_dash("sync", ML_DASH_TOKEN="another")
    assert done.returncode == OWED
    assert "401" in done.stdout
    assert "ml-dash login" in done.stdout
    assert ml_dash("sync", ML_DASH_TOKEN=TOKEN).returncode == 0


def test_sync_where_there_is_nothing(ml_dash: Run) -> None:
    """A folder without runs owes nothing, and each command says so."""
    for command in ("sync", "status", "verify"):
        done = ml_dash(command)
        said = (done.returncode, done.stdout)
        assert said == (0, "No run there is to be delivered to a server.\n")


def test_rejected_records_can_be_seen_and_mended(
    ml_dash: Run, server: Loopback, offline: Path
) -> None:
    """A refused record is listed with the server's words; once it is taken it is delivered."""
    server.refuses = lambda record: record.get("message") in ("line 2", "line 3")
    assert ml_dash("sync", ML_DASH_TOKEN=TOKEN).returncode == OWED
    listed = ml_dash("rejected", "list")
    assert listed.returncode == OWED
    assert "logs #2" in listed.stdout
    assert "one of these records is poisoned" in listed.stdout
    exported = ml_dash("rejected", "export").stdout.splitlines()
    assert [json.loads(json.loads(line)["record"])["message"] for line in exported] == [
        "line 2", "line 3",
    ]  # fmt: skip
    server.refuses = lambda record: record.get("message") == "line 3"
    again = ml_dash("rejected", "retry", ML_DASH_TOKEN=TOKEN)
    assert (again.returncode, "1 taken, 1 refused again" in again.stdout) == (OWED, True)
    assert [line["message"] for line in server.run.logs][-1] == "line 2"
    (row,) = json.loads(ml_dash("status", "--json").stdout)
    assert (row["delivered"], row["rejected"]) == (7, 1)
    assert ml_dash("rejected", "discard", "--yes").returncode == 0
    (row,) = json.loads(ml_dash("status", "--json").stdout)
    assert (row["delivered"], row["rejected"], row["streams"]["logs"]["discarded"]) == (7, 0, 1)
    assert row["accepted"] == row["delivered"] + row["discarded"]
    assert "1 discarded" in ml_dash("status").stdout
    assert "7 of 8 records" in ml_dash("sync").stdout
    assert "1 discarded" in ml_dash("sync").stdout
    assert ml_dash("rejected", "list").returncode == 0


def test_status_tells_of_copies_and_moves(
    ml_dash: Run, server: Loopback, offline: Path, tmp_path: Path
) -> None:
    """As delivery sees them, until what was moved is delivered from where it is now."""

    def told(root: str) -> tuple[str, list[str | None]]:
        (row,) = json.loads(ml_dash("status", root, "--json").stdout)
        return ml_dash("status", root).stdout, [row["copy_of"], row["moved_from"]]

    assert told(".dash")[1] == [None, None]
    shutil.copytree(tmp_path / ".dash", tmp_path / "copy")
    assert told(".dash")[1] == [None, None]
    text, facts = told("copy")
    assert facts == [str(offline), None]
    assert f"a copy of {offline}, from where it is delivered; nothing of it is sent" in text
    assert "is a copy of" in ml_dash("sync", "copy", ML_DASH_TOKEN=TOKEN).stdout
    (tmp_path / ".dash").rename(tmp_path / "away")
    for root in ("copy", "away"):  # which of them is the original cannot be told any more
        text, facts = told(root)
        assert facts == [None, str(offline)]
        assert f"moved here from {offline}; it is delivered from here" in text
    assert ml_dash("sync", "away", ML_DASH_TOKEN=TOKEN).returncode == 0
    assert told("away")[1] == [None, None]


def test_json_of_refused_records(ml_dash: Run, server: Loopback, offline: Path) -> None:
    """Each command answers with one JSON document, and with the same code as without."""
    assert json.loads(ml_dash("rejected", "list", "--json").stdout) == []
    server.refuses = lambda record: record.get("message") in ("line 2", "line 3")
    ml_dash("sync", ML_DASH_TOKEN=TOKEN)
    listed = ml_dash("rejected", "list", "--json")
    assert listed.returncode == OWED
    rows = json.loads(listed.stdout)
    place = {"run": str(offline.relative_to(offline.parents[3])), "url": server.url}
    assert [{**place, "stream": "logs", "number": number}.items() <= row.items()
            for number, row in zip((2, 3), rows, strict=True)] == [True, True]  # fmt: skip
    assert (rows[0]["status"], rows[0]["code"]) == (422, "remote-rejected")
    assert "record" not in rows[0]
    shown = json.loads(ml_dash("rejected", "show", "--json").stdout)
    assert [json.loads(row.pop("record"))["message"] for row in shown] == ["line 2", "line 3"]
    assert shown == rows
    server.refuses = lambda record: record.get("message") == "line 3"
    again = ml_dash("rejected", "retry", "--json", ML_DASH_TOKEN=TOKEN)
    assert again.returncode == OWED
    assert json.loads(again.stdout) == [{**place, "taken": 1, "refused": 1, "error": None}]
    failed = ml_dash("rejected", "retry", "--json", ML_DASH_TOKEN="another")
    assert failed.returncode == OWED
    assert "401" in json.loads(failed.stdout)[0]["error"]
    assert "401" in failed.stderr
    (row,) = json.loads(ml_dash("rejected", "discard", "--json", "--yes").stdout)
    assert place.items() <= row.items()
    assert (offline.parents[3] / row["kept"]).is_file()
    assert json.loads(ml_dash("rejected", "show", "--json").stdout) == []


def test_damaged_notes_hide_no_other_run(
    ml_dash: Run, server: Loopback, offline: Path, tmp_path: Path
) -> None:
    """What cannot be read is told, with its file; the other runs' refused records are shown."""
    server.refuses = lambda record: record.get("message") == "line 2"
    ml_dash("sync", ML_DASH_TOKEN=TOKEN)
    shutil.copytree(tmp_path / ".dash", tmp_path / "a")
    damaged = next((tmp_path / "a").rglob("rejected.jsonl"))
    damaged.write_bytes(b"x\n")
    for command in (["list"], ["show"], ["export"], ["retry"], ["discard", "--yes"]):
        done = ml_dash("rejected", *command, "a", ".dash", ML_DASH_TOKEN=TOKEN)
        assert done.returncode == OWED, command
        assert f"Line 1 of {damaged.relative_to(tmp_path)}" in done.stderr
        assert ".dash/alice/vision/first" in done.stdout, command
    done = ml_dash("rejected", "list", "a", ".dash")
    assert (done.returncode, done.stdout) == (OWED, "")


def test_verify_compares_record_by_record(
    ml_dash: Run, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was delivered is read back; one changed value on the server is found."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    (tmp_path / "w.bin").write_bytes(b"weights")
    exp = Experiment("alice/vision/first", dash_url=server.url, dash_root=tmp_path / ".dash",
                     echo=False)  # fmt: skip
    with exp.run:
        for number in range(3):
            exp.metrics("train").log(step=number, loss=float("nan"))
            exp.log(f"line {number}", n=number)
            exp.tracks("pose").append(x=number, _ts=float(number))
        exp.params.set(lr=0.1)
        exp.files("models").save(str(tmp_path / "w.bin"))
    same = ml_dash("verify", ML_DASH_TOKEN=TOKEN)
    assert (same.returncode, same.stderr) == (0, "")
    assert "metrics/train: 3 here, 3 there, same" in same.stdout
    assert same.stdout.count("same") == 6
    server.run.points["train"][1]["step"] = 7
    server.run.statuses.append("FAILED")
    other = ml_dash("verify", ML_DASH_TOKEN=TOKEN)
    assert other.returncode == OWED
    assert "metrics/train: 3 here, 3 there, DIFFERENT" in other.stdout
    assert "status: 'COMPLETED' here, 'FAILED' there" in other.stdout
    (row,) = json.loads(ml_dash("verify", "--json", ML_DASH_TOKEN=TOKEN).stdout)
    (run,) = (each for each in row["streams"] if each["stream"] == "run")
    assert run["differences"] == [{"fact": "status", "here": "COMPLETED", "there": "FAILED"}]


def test_verify_of_a_run_that_is_still_written(
    ml_dash: Run, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What differs may have come meanwhile, which is said; what agrees is the same."""
    monkeypatch.setenv("ML_DASH_TOKEN", TOKEN)
    exp = Experiment("alice/vision/first", dash_url=server.url, dash_root=tmp_path / ".dash",
                     echo=False)  # fmt: skip
    with exp.run:
        exp.log("one")
        exp.params.set(lr=0.1)
        exp.flush()
        server.run.logs.append({"message": "two", "level": "info"})
        done = ml_dash("verify", ML_DASH_TOKEN=TOKEN)
        (row,) = json.loads(ml_dash("verify", "--json", ML_DASH_TOKEN=TOKEN).stdout)
    grows = "DIFFERENT; it is still being written, and may have grown meanwhile"
    assert f"logs: 1 here, 2 there, {grows}\n" in done.stdout
    assert "params: 1 here, 1 there, same\n" in done.stdout
    assert (done.returncode, row["written"], row["same"]) == (OWED, True, False)


def test_doctor_looks_at_all(ml_dash: Run, server: Loopback, offline: Path) -> None:
    """It says that records wait, and after a sync that all is well."""
    words = ("doctor", "--dash-url", server.url)
    ill = ml_dash(*words, ML_DASH_TOKEN=TOKEN)
    assert ill.returncode == 1
    assert "BAD  pending: 8 records of 1 run, out of 1" in ill.stdout
    assert "answered alice in" in ill.stdout
    assert ml_dash("sync", ML_DASH_TOKEN=TOKEN).returncode == 0
    well = ml_dash(*words, ML_DASH_TOKEN=TOKEN)
    assert (well.returncode, "BAD" in well.stdout) == (0, False)
    assert "ok   clock:" in well.stdout
    refused = ml_dash(*words, ML_DASH_TOKEN="another")
    assert refused.returncode == 1
    assert "BAD  server:" in refused.stdout


def test_doctor_looks_at_each_server_that_is_owed_to(
    ml_dash: Run, server: Loopback, offline: Path
) -> None:
    """Not only at the one that is configured; and at what lies in the spool."""
    with serving() as other:
        words = ("doctor", "--dash-url", other.url, "--json")
        found = json.loads(ml_dash(*words, ML_DASH_TOKEN=TOKEN).stdout)
        assert {row["url"]: row["good"] for row in found if row["about"] == "server"} == {
            other.url: True, server.url: True,
        }  # fmt: skip
        assert {row["url"] for row in found if row["about"] == "clock"} == {other.url, server.url}
        (spool,) = (row for row in found if row["about"] == "spool")
        assert spool["good"]
        server.token = "another"
        found = json.loads(ml_dash(*words, ML_DASH_TOKEN=TOKEN).stdout)
        (owed,) = (row for row in found if row["url"] == server.url and row["about"] == "server")
        assert not owed["good"]
        assert "401" in owed["text"]
        server.token = TOKEN
        assert ml_dash("sync", ML_DASH_TOKEN=TOKEN).returncode == 0
        found = json.loads(ml_dash(*words, ML_DASH_TOKEN=TOKEN).stdout)
        assert {row["url"] for row in found if row["about"] == "server"} == {other.url}


def test_doctor_finds_copies_and_full_spools(
    ml_dash: Run, server: Loopback, offline: Path, tmp_path: Path
) -> None:
    """A copy that owes what its original owes is named, and so is a run at the spool's limit."""
    shutil.copytree(tmp_path / ".dash", tmp_path / "spool")
    words = ("doctor", "--dash-url", server.url, str(tmp_path / "spool"))
    limits = {"ML_DASH_SPOOL_DIR": str(tmp_path / "spool"), "ML_DASH_SPOOL_MAX_BYTES": "100"}
    done = ml_dash(*words, ML_DASH_TOKEN=TOKEN, **limits)
    assert done.returncode == 1
    assert f"is a copy of {offline}" in done.stdout
    assert "BAD  spool: 1 run with" in done.stdout
    assert "have reached ML_DASH_SPOOL_MAX_BYTES" in done.stdout


def test_json_of_the_delivery_commands(ml_dash: Run, server: Loopback, offline: Path) -> None:
    """Each of them prints one JSON document, and its exit code says the same."""
    doctor = ml_dash("doctor", "--dash-url", server.url, "--json", ML_DASH_TOKEN=TOKEN)
    found = {row["about"]: row["good"] for row in json.loads(doctor.stdout)}
    assert (doctor.returncode, found["version"], found["pending"]) == (1, True, False)
    synced = ml_dash("sync", "--json", ML_DASH_TOKEN=TOKEN)
    (row,) = json.loads(synced.stdout)
    assert (synced.returncode, row["outcome"], row["delivered"]) == (0, "delivered", 8)
    next(offline.rglob("target.json")).write_text("{")
    broken = ml_dash("verify", str(offline), "--json", ML_DASH_TOKEN=TOKEN)
    (row,) = json.loads(broken.stdout)
    assert (broken.returncode, row["same"]) == (3, False)
