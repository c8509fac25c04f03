"""The public face of a run's files."""

from __future__ import annotations

import errno
import hashlib
import json
import pickle
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_dash import Experiment
from ml_dash.exceptions import (
    AmbiguousFileError,
    ChecksumMismatchError,
    ClosedExperimentError,
    ExperimentFileNotFoundError,
    FileReadError,
    FileUploadError,
    InvalidFileError,
    InvalidValueError,
    MissingDependencyError,
    MLDashDeprecationWarning,
    SerializationError,
    UsageError,
    WriteProtectedError,
)
from ml_dash.files import (
    compute_sha256,
    generate_snowflake_id,
    get_mime_type,
    verify_checksum,
    verify_checksum_or_raise,
)


@pytest.fixture
def exp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Experiment]:
    """Return an open run; the working directory is the test's own."""
    monkeypatch.chdir(tmp_path)
    with Experiment("owner/project/run", dash_root=str(tmp_path / "root")).run as run:
        yield run


def names(records: list[dict[str, Any]]) -> list[str]:
    """Return folder and name of each record."""
    return sorted(f"{r['path'].strip('/')}/{r['filename']}".lstrip("/") for r in records)


def index(tmp_path: Path) -> Path:
    """Return where the list of files lies."""
    return tmp_path / "root/owner/project/run/files/.files_metadata.json"


# --- storing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("buffered", ["true", "false"])
def test_an_upload_answers_with_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffered: str
) -> None:
    """Buffered or not, the file is in the list when the call returns."""
    monkeypatch.setenv("ML_DASH_BUFFER_ENABLED", buffered)
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    with Experiment("owner/project/run", dash_root=str(tmp_path / "root")).run as exp:
        record = exp.files("models").upload(source, tags=["best"])
        assert record.pop("status") == "stored"
        assert record == exp.files.list()[0]
    assert record["checksum"] == hashlib.sha256(b"weights").hexdigest()
    assert (record["path"], record["tags"]) == ("/models", ["best"])
    assert source.exists()


@pytest.mark.parametrize("to", ["sub/dir/f", "/sub/dir/f"])
def test_folders_in_a_name_join_the_folder(exp: Experiment, tmp_path: Path, to: str) -> None:
    """Each way of storing puts `to` below the folder that the object stands for."""
    (tmp_path / "source").write_text("x")
    here = exp.files("top")
    ways = {
        "upload": lambda: here.upload("source", to=to),
        "save": lambda: here.save(b"x", to=to),
        "text": lambda: here.save_text("x", to=to),
        "json": lambda: here.save_json([1], to=to),
        "blob": lambda: here.save_blob(b"x", to=to),
        "pickle": lambda: here.save_pkl([1], to=to),
    }
    for store in ways.values():
        assert names([store()]) == ["top/sub/dir/f"]
    assert names([exp.files.upload("source", to=to)]) == ["sub/dir/f"]
    assert names([here.duplicate(here.list()[0], to)]) == ["sub/dir/f"]


def test_options_are_defaults_for_what_is_said(exp: Experiment) -> None:
    """What a call says goes before what the folder object says."""
    here = exp.files(prefix="/p", description="d", tags=["t"], bindrs="group", metadata={"m": 1})
    record = here.save_text("x", to="a")
    said = [record[k] for k in ("path", "description", "tags", "bindrs", "metadata")]
    assert said == ["/p", "d", ["t"], ["group"], {"m": 1}]
    assert here.save(b"x", to="b", description="other", tags=[])["description"] == "other"
    assert names(exp.bindrs("group").list()) == ["p/a", "p/b"]
    assert exp.bindrs("gro").list() == []


def test_an_unknown_option_is_named_once(exp: Experiment, caplog: pytest.LogCaptureFixture) -> None:
    """It is taken, as by 0.6, with one warning at the user's line and the nearest name."""
    with pytest.warns(MLDashDeprecationWarning, match="'descripton'.*'description'") as caught:
        record = exp.files("m", descripton="x").save_text("x", to="a")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert record["description"] is None
    assert "descripton" in caplog.text


def test_save_takes_what_0_6_took(exp: Experiment, tmp_path: Path) -> None:
    """Paths of files, bytes, dictionaries and lists; the option `file_path` without content."""
    (tmp_path / "source.txt").write_text("source")
    here = exp.files("s")
    assert here.save(str(tmp_path / "source.txt"))["filename"] == "source.txt"
    assert exp.files("s", file_path="source.txt").save(to="b")["filename"] == "b"
    assert json.loads(_text(exp, here.save({"a": [1]}, to="d.json"))) == {"a": [1]}
    for content in (3, Path("source.txt"), "no such file"):
        with pytest.raises(InvalidValueError, match="Unsupported content type"):
            here.save(content, to="x")
    for call in (lambda: here.save(b"x"), here.save, lambda: here.save_text("x", to="")):
        with pytest.raises(UsageError):
            call()


def _text(exp: Experiment, record: dict[str, Any]) -> str:
    return str(exp.files(f"{record['path']}/{record['filename']}").read_text())


def test_json_is_the_users_own_file(exp: Experiment) -> None:
    """Indented, ASCII, bare NaN as in 0.6; numpy is converted, the rest refused."""
    record = exp.files.save_json({"é": np.float64("nan"), "a": np.arange(2)}, to="a.json")
    assert _text(exp, record) == '{\n  "\\u00e9": NaN,\n  "a": [\n    0,\n    1\n  ]\n}'
    with pytest.raises(SerializationError):
        exp.files.save_json({"f": object()}, to="b.json")
    assert names(exp.files.list()) == ["a.json"]


def test_values_that_cannot_be_written_store_nothing(exp: Experiment) -> None:
    """A lambda has no pickle; a number is neither text nor bytes."""
    with pytest.raises(SerializationError, match="pickle"):
        exp.files().save_pkl(lambda: 1, to="a.pkl")
    with pytest.raises(InvalidValueError):
        exp.files.save_text(b"x", to="a")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError):
        exp.files.save_blob("x", to="a")  # type: ignore[arg-type]
    assert exp.files.list() == []
    record = exp.files().save_pkl({"a": 1}, to="b.pkl")
    assert pickle.loads(Path(exp.files("b.pkl").download(to="b")).read_bytes()) == {"a": 1}
    assert record["sizeBytes"] > 0


def test_saving_needs_no_room_elsewhere(
    exp: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are made right in the store: a temporary directory that is gone does not matter."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    record = exp.files.save_text("x", to="a")
    assert _text(exp, record) == "x"


def test_a_refused_write_while_saving_is_typed(exp: Experiment, tmp_path: Path) -> None:
    """A file beyond the process's size limit gives the typed error and leaves nothing."""
    exp.files.save_text("kept", to="kept")
    before = sorted(p.name for p in index(tmp_path).parent.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(FileUploadError, match="big") as caught:
            exp.files.save_blob(bytes(2_000_000), to="m/big")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert sorted(p.name for p in index(tmp_path).parent.iterdir()) == before
    assert names(exp.files.list()) == ["kept"]


@pytest.mark.parametrize(
    ("source", "words"), [("none.bin", "File not found"), (".", "not a file"), ("", "empty")]
)
def test_sources_that_are_no_files(exp: Experiment, source: str, words: str) -> None:
    """Each is refused as the ValueError of 0.6."""
    with pytest.raises(InvalidFileError, match=words) as caught:
        exp.files("m").upload(source)
    assert isinstance(caught.value, ValueError)


def test_a_copy_of_an_answer(exp: Experiment) -> None:
    """`duplicate` takes what storing answered, or an id; the target is replaced."""
    made = exp.files("a").save_text("x", to="x.txt")
    exp.files("best").save_text("old", to="x.txt")
    for source in (made, made["id"]):
        copy = exp.files("ignored", tags=["t"]).duplicate(source, "/best/x.txt")
        assert (copy["checksum"], copy["tags"]) == (made["checksum"], ["t"])
    assert names(exp.files.list()) == ["a/x.txt", "best/x.txt"]
    for wrong in (3, "", {}, {"id": ""}):
        with pytest.raises(InvalidValueError, match="source must be"):
            exp.files().duplicate(wrong, "y")  # type: ignore[arg-type]
    with pytest.raises(InvalidFileError):
        exp.files().duplicate(made, "folder/")
    with pytest.raises(ExperimentFileNotFoundError):
        exp.files().duplicate("17", "y")


# --- finding ------------------------------------------------------------------------------------


def test_one_file_among_several_of_its_name(exp: Experiment) -> None:
    """An exact path first; else the first with a warning, and deleting refuses."""
    for folder in ("a", "b"):
        exp.files(folder).save_text(folder, to="x.txt")
    with pytest.warns(MLDashDeprecationWarning, match="2 files are called 'x.txt'"):
        assert exp.files("x.txt").read_text() == "a"
    with pytest.raises(AmbiguousFileError, match=r"a/x.txt, b/x.txt"):
        exp.files("x.txt").delete()
    assert len(exp.files.list()) == 2
    exp.files().save_text("root", to="x.txt")
    assert exp.files("/x.txt").read_text() == "root"
    assert set(exp.files("x.txt").delete()) == {"id", "deletedAt"}
    assert names(exp.files.list()) == ["a/x.txt", "b/x.txt"]


def test_a_glob_finds_names_and_paths(exp: Experiment) -> None:
    """Below a folder, by name or whole path, never in a folder of a longer name."""
    for name in ("m/a.pt", "m/v2/b.pt", "m2/c.pt", "m/d.txt"):
        exp.files.save_text("x", to=name)
    assert names(exp.files("m").list("*.pt")) == ["m/a.pt", "m/v2/b.pt"]
    assert names(exp.files().list("/m/*.pt")) == ["m/a.pt", "m/v2/b.pt"]
    assert len(exp.files.delete("m/*.pt")) == 2
    assert names(exp.files.list()) == ["m/d.txt", "m2/c.pt"]
    with pytest.raises(ExperimentFileNotFoundError):
        exp.files.delete("m/*.pt")


def test_equal_names_do_not_overwrite_each_other(exp: Experiment, tmp_path: Path) -> None:
    """A download of several files keeps folders where names collide, and only there."""
    for name in ("a/x", "b/x", "b/y"):
        exp.files.save_text(name, to=name)
    done = exp.files().download("*", to=tmp_path / "out")
    assert sorted(Path(p).relative_to(tmp_path / "out").as_posix() for p in done) == [
        "a/x", "b/x", "y",
    ]  # fmt: skip
    assert (tmp_path / "out/a/x").read_text() == "a/x"
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileReadError, match="folder"):
        exp.files().download("*", to=tmp_path / "file")


def test_a_name_that_is_also_a_kept_folder(exp: Experiment, tmp_path: Path) -> None:
    """A bare name never meets a folder that another file keeps."""
    for name in ("a/x", "b/x", "c/a"):
        exp.files.save_text(name, to=name)
    done = exp.files().download("*", to=tmp_path / "out")
    assert [Path(p).read_text() for p in done] == ["a/x", "b/x", "c/a"]
    assert len(set(done)) == 3


def test_names_are_texts(exp: Experiment, tmp_path: Path) -> None:
    """Other values are refused; a folder object may stand for a path."""
    exp.files("m").save_text("x", to="a.txt")
    (tmp_path / "source").write_text("x")
    wrong: Any = 3
    for call in (
        lambda: exp.files("m").list(wrong), lambda: exp.files("m").delete(wrong),
        lambda: exp.files.download(wrong), lambda: exp.files.delete(wrong),
    ):  # fmt: skip
        with pytest.raises(InvalidValueError, match="by a text"):
            call()
    with pytest.raises(InvalidFileError, match="is a text"):
        exp.files().upload(tmp_path / "source", to=wrong)
    assert exp.files(Path("m/a.txt")).exists() is True
    assert names(exp.files.list()) == ["m/a.txt"]


def test_what_is_not_there(exp: Experiment) -> None:
    """Looking for it is False, using it the ValueError of 0.6, naming nothing a usage error."""
    assert exp.files("none.txt").exists() is False
    for use in (lambda b: b.read_text(), lambda b: b.download(), lambda b: b.delete()):
        with pytest.raises(ExperimentFileNotFoundError, match="File not found") as caught:
            use(exp.files("none.txt"))
        assert isinstance(caught.value, ValueError)
        with pytest.raises(UsageError):
            use(exp.files())
    for use in (lambda b: b.download(to="x"), lambda b: b.delete(), lambda b: b.update()):
        with pytest.raises(ExperimentFileNotFoundError):
            use(exp.files(file_id="17"))
    with pytest.raises(UsageError):
        exp.files("a").update()


def test_updating_one_field_keeps_the_others(exp: Experiment) -> None:
    """A new description leaves the tags; an empty list clears them."""
    made = exp.files("m", tags=["a"]).save_text("x", to="x")
    assert exp.files(file_id=made["id"], description="d").update()["tags"] == ["a"]
    assert exp.files(file_id=made["id"], tags=[]).update()["description"] == "d"
    assert exp.files.list()[0]["tags"] == []


def test_a_damaged_file_is_not_handed_out(exp: Experiment, tmp_path: Path) -> None:
    """Neither to a destination, which stays as it was, nor as text."""
    made = exp.files.save_text("accepted", to="a.txt")
    (index(tmp_path).parent / made["id"] / "a.txt").write_text("rotten")
    (tmp_path / "back").write_text("precious")
    for use in (lambda b: b.download(to="back"), lambda b: b.read_text()):
        with pytest.raises(ChecksumMismatchError):
            use(exp.files("a.txt"))
    assert (tmp_path / "back").read_text() == "precious"


@pytest.mark.parametrize("mode", ["default", "strict"])
def test_an_unreadable_list(tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """The old answers, with the traceback logged; siblings and STRICT mode raise."""
    with Experiment("owner/project/run", dash_root=str(tmp_path / "root"), error_mode=mode).run \
            as exp:  # fmt: skip
        index(tmp_path).mkdir(parents=True)
        calls = [
            (exp.files("a").exists, exp.files("a").exists_or_raise, False),
            (exp.files.list, exp.files.list_or_raise, []),
            (exp.bindrs("b").list, exp.bindrs("b").list_or_raise, []),
        ]
        for old, or_raise, answer in calls:
            with pytest.raises(FileReadError):
                or_raise()
            if mode == "strict":
                with pytest.raises(FileReadError):
                    old()
                continue
            caplog.clear()
            with pytest.warns(MLDashDeprecationWarning, match="MLD003"):
                assert old() == answer
            assert "Traceback" in caplog.text
        index(tmp_path).rmdir()


# --- the run's state ------------------------------------------------------------------------------


def test_a_closed_run_takes_and_gives_nothing(exp: Experiment) -> None:
    """A folder object that was kept refuses every call after the end."""
    here = exp.files("m")
    made = here.save_text("x", to="x")
    accessor, bindrs = exp.files, exp.bindrs("b")
    exp.run.complete()
    for call in (
        lambda: here.save_text("x", to="y"), lambda: here.save(b"x", to="y"),
        lambda: here.save_image(np.zeros((2, 2)), to="y.png"), here.list, here.delete,
        lambda: here.upload(__file__), here.download, here.exists, here.read_text, here.update,
        lambda: here.duplicate(made, "y"), accessor.list, bindrs.list,
    ):  # fmt: skip
        with pytest.raises(ClosedExperimentError) as caught:
            call()
        assert isinstance(caught.value, RuntimeError)


def test_a_protected_run_gives_and_takes_nothing(tmp_path: Path) -> None:
    """Reading goes on; each call that would change the run is refused."""
    root = str(tmp_path / "root")
    with Experiment("owner/project/run", dash_root=root).run as exp:
        made = exp.files.save_text("x", to="x")
    with Experiment("owner/project/run", dash_root=root, _write_protected=True).run as exp:
        here = exp.files("x", file_id=made["id"])
        for call in (
            lambda: here.save_text("x", to="y"), lambda: here.upload(__file__), here.delete,
            here.update, lambda: here.duplicate(made, "y"), lambda: here.delete("*"),
        ):  # fmt: skip
            with pytest.raises(WriteProtectedError):
                call()
        assert exp.files("x").read_text() == "x"


# --- pictures -------------------------------------------------------------------------------------


def _image(exp: Experiment, array: Any, name: str = "i.png", **options: Any) -> Any:
    image_module = pytest.importorskip("PIL.Image")
    exp.files().save_image(array, to=name, **options)
    with image_module.open(exp.files(name).download(to=name)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (np.array([[0, 7], [200, 255]], np.uint8), [[0, 7], [200, 255]]),
        (np.array([[0.0, 0.5], [0.25, 1.0]]), [[0, 127], [63, 255]]),
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[0, 500], [1000, 250]]), [[0, 127], [255, 63]]),
        (np.array([[-1.0, 0.0, 1.0]]), [[0, 127, 255]]),
        (np.full((2, 2), 7.0), [[0, 0], [0, 0]]),
        (np.zeros((2, 2)), [[0, 0], [0, 0]]),
        (np.array([[[1], [2]]], np.uint8), [[1, 2]]),
    ],
)
def test_numbers_become_pixels(exp: Experiment, given: Any, stored: Any) -> None:
    """Bytes as they are, shares of 255 up to 1.0, the rest stretched; without a warning."""
    assert _image(exp, given).tolist() == stored


def test_transparency_becomes_white_in_a_jpeg(exp: Experiment) -> None:
    """JPEG has none."""
    assert _image(exp, np.zeros((8, 8, 4), np.uint8), "i.jpg", quality=90).min() > 250


@pytest.mark.parametrize(
    "bad",
    [np.array([[np.nan, 1]]), np.array([[np.inf, 1]]), np.zeros(3), np.zeros((2, 2, 2)),
     np.zeros((0, 3)), np.array([["a"]]), np.zeros((2, 2), complex), [[1, 2], [3]]],
)  # fmt: skip
def test_arrays_that_are_no_images(exp: Experiment, bad: Any) -> None:
    """NaN, wrong shapes and wrong kinds are refused; so is a name without a format."""
    pytest.importorskip("PIL")
    with pytest.raises(InvalidValueError):
        exp.files().save_image(bad, to="i.png")
    with pytest.raises(InvalidValueError, match="ending"):
        exp.files().save_image(np.zeros((2, 2)), to="no-ending")
    with pytest.raises(InvalidValueError, match="quality"):
        exp.files().save_image(np.zeros((2, 2)), to="i.jpg", quality=None)  # type: ignore[arg-type]
    assert exp.files.list() == []


def test_a_figure_is_stored_and_closed(exp: Experiment) -> None:
    """The given or the current one; an unknown format or option is refused, and closed too."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.plot([1, 2])
    assert exp.files("f").save_fig(to="plots/a.png", dpi=40)["contentType"] == "image/png"
    for options in ({"to": "a.nonsense"}, {"to": "a.png", "nonsense": 1}):
        with pytest.raises(InvalidValueError):
            exp.files("f").save_fig(pyplot.figure(), **options)
    with pytest.raises(InvalidValueError, match="fig is a str"):
        exp.files("f").save_fig("no figure", to="a.png")
    assert pyplot.get_fignums() == []
    assert names(exp.files.list()) == ["f/plots/a.png"]


@pytest.mark.parametrize("name", ["v.mp4", "v.gif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32, bool])
def test_frames_become_a_video(exp: Experiment, name: str, kind: Any) -> None:
    """Each kind of number gives the same black and white frames."""
    pytest.importorskip("imageio")
    encoder = pytest.importorskip("imageio_ffmpeg")
    white = 1 if kind in (np.float32, bool) else np.iinfo(kind).max
    frames = np.zeros((4, 16, 16, 3), kind)
    frames[2:] = white
    rate: Any = np.int64(10)  # as computed from data
    record = exp.files("videos").save_video(frames, to=f"sub/{name}", fps=rate)
    assert names([record]) == [f"videos/sub/{name}"]
    exp.files(name).download(to=name)
    decode = [encoder.get_ffmpeg_exe(), "-v", "error", "-i", name, "-r", "10"]
    raw = [*decode, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    shown = subprocess.run(raw, capture_output=True, check=True).stdout
    pixels = np.frombuffer(shown, np.uint8).reshape(-1, 16, 16)
    assert len(pixels) == 4
    assert pixels[:2].mean() < 20
    assert pixels[2:].mean() > 235


def test_frames_that_are_no_video(exp: Experiment) -> None:
    """No frames, no length, no rate, no images: refused, and nothing is stored."""
    pytest.importorskip("imageio")
    frames = [np.zeros((16, 16, 3), np.uint8)]
    for bad, fps, words in [
        ([], 20, "frame_stack is empty"),
        (np.zeros((0, 4, 4)), 20, "frame_stack is empty"),
        (iter(frames), 20, "list or array"),
        (frames, 0, "fps"),
        (frames, float("inf"), "fps"),
        (frames, True, "fps"),
        ([[[1, 2], [3]]], 20, "equal length"),
        ([np.zeros(4)], 20, "no image"),
        ([np.full((4, 4), 2.0)], 20, "between -1 and 1"),
        ([np.full((4, 4), np.nan)], 20, "between -1 and 1"),
        ([*frames, np.zeros((8, 8, 3), np.uint8)], 20, "differ in shape"),
    ]:
        with pytest.raises(InvalidValueError, match=words):
            exp.files().save_video(bad, to="v.mp4", fps=fps)
    with pytest.raises(InvalidValueError, match="no ending"):
        exp.files().save_video(frames, to="v")
    assert exp.files.list() == []


@pytest.mark.parametrize(
    ("name", "options", "cause"),
    [("v.mp4", {"codec": "nonsense"}, False), ("v.nonsense", {}, True),
     ("v.mp4", {"nonsense": 1}, True)],
)  # fmt: skip
def test_an_encoder_that_fails_is_typed(
    exp: Experiment, name: str, options: dict[str, Any], cause: bool
) -> None:
    """The encoder's own error is the cause, where it gives one; nothing is stored."""
    pytest.importorskip("imageio_ffmpeg")
    with pytest.raises(FileUploadError, match="cannot be encoded") as caught:
        exp.files().save_video(np.zeros((3, 16, 16, 3), np.uint8), to=name, **options)
    assert (caught.value.__cause__ is not None) == cause
    assert exp.files.list() == []


_WITHOUT = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from ml_dash import Experiment
with Experiment("o/p/r", dash_root={root!r}).run as exp:
    try:
        {call}
    except ModuleNotFoundError as error:
        print(type(error).__name__, "|", error.hint)
    print(len(exp.files.list()))
"""


@pytest.mark.parametrize(
    ("blocked", "call", "hint"),
    [
        (["PIL"], "exp.files().save_image([[1]], to='a.png')", "ml-dash[images]"),
        (["matplotlib"], "exp.files().save_fig(to='a.png')", "ml-dash[images]"),
        (["imageio"], "exp.files().save_video([[[1]]], to='a.mp4')", "ml-dash[video]"),
        (["torch"], "exp.files().save_torch({}, to='a.pt')", "torch"),
    ],
)
def test_a_missing_package_names_its_extra(
    tmp_path: Path, blocked: list[str], call: str, hint: str
) -> None:
    """In a process of its own, in which the package cannot be imported."""
    code = _WITHOUT.format(blocked=blocked, root=str(tmp_path), call=call)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    told, count = done.stdout.strip().splitlines()[-2:]
    assert told.startswith(f"{MissingDependencyError.__name__} |")
    assert hint in told
    assert count == "0"


# --- helpers of the module ------------------------------------------------------------------------


def test_module_functions(tmp_path: Path) -> None:
    """Checksums, types and ids as 0.6 gave them."""
    path = tmp_path / "a.json"
    path.write_bytes(b"{}")
    expected = hashlib.sha256(b"{}").hexdigest()
    assert compute_sha256(str(path)) == expected
    assert verify_checksum(path, expected) is True
    assert verify_checksum(path, "0" * 64) is False
    verify_checksum_or_raise(path, expected)
    with pytest.raises(ChecksumMismatchError, match=expected):
        verify_checksum_or_raise(path, "0" * 64)
    assert get_mime_type(path) == "application/json"
    assert get_mime_type("a.unknown-ending") == "application/octet-stream"
    ids = [generate_snowflake_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(one.isdecimal() for one in ids)
