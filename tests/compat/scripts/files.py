"""Files without the buffer: save, upload, list, look up, download, delete, duplicate."""

import os
import pickle
from pathlib import Path

os.environ["ML_DASH_BUFFER_ENABLED"] = "false"

from ml_dash import Experiment


def show(record: dict) -> list:
    """Return the parts of a record that do not change from run to run."""
    keys = (
        "path",
        "filename",
        "description",
        "tags",
        "contentType",
        "sizeBytes",
        "checksum",
        "metadata",
        "deletedAt",
        "experimentId",
    )
    return [record[key] for key in keys]


def raised(call, kind: type) -> bool:
    """Return whether the call raises this builtin kind of error."""
    try:
        call()
    except kind:
        return True
    return False


Path("model.bin").write_bytes(b"\x00weights" * 100)
Path("plot.png").write_bytes(b"not really a picture")

with Experiment("alice/vision/files", dash_root=".dash").run as exp:
    print(exp._buffer_manager)
    print(show(exp.files("models").upload("model.bin", tags=["final"], metadata={"epoch": 3})))
    print(show(exp.files(prefix="/plots", description="a plot").upload(Path("plot.png"))))
    print(show(exp.files.upload("model.bin", to="deep/er/renamed.bin", tags=["t"])))
    print(show(exp.files("texts").save_text("héllo", to="a.txt")))
    print(show(exp.files.save_json({"b": [1, None]}, to="configs/b.json")))
    print(show(exp.files().save_json([1], to="configs/list.json")))
    print(show(exp.files.save_blob(b"", to="empty.bin")))
    print(show(exp.files("pickles").save_pkl({"p": 1}, to="p.pkl")))
    print(show(exp.files("saved").save(b"bytes", to="bytes.bin")))
    print(show(exp.files("saved").save({"k": 1}, to="dict.json")))
    print(show(exp.files("saved").save("model.bin")))
    print(show(exp.files("texts").save_text("replaced", to="a.txt")))
    duplicate = exp.files().duplicate(exp.files("models").list()[0], to="best/model.bin")
    print(show(duplicate))

    names = lambda records: sorted(f"{r['path']}:{r['filename']}" for r in records)
    print(names(exp.files.list()))
    print(names(exp.files("models").list()), names(exp.files(tags=["final", "t"]).list()))
    print(names(exp.files.list("*.json")), names(exp.files().list("texts/*")))
    print(exp.files("texts/a.txt").exists(), exp.files("nope.txt").exists())
    print(exp.files("texts/a.txt").read_text())
    print(Path(exp.files("models/model.bin").download(to="back.bin")).stat().st_size)
    print(exp.files("configs/b.json").download(), Path("b.json").exists())
    print(sorted(Path(p).name for p in exp.files("configs").download("*.json", to="fetched")))
    print(exp.files.download("texts/a.txt", to="a2.txt"), Path("a2.txt").read_text())
    print(pickle.loads(Path(exp.files("p.pkl").download(to="p2")).read_bytes()))
    print(sorted(exp.files("saved/bytes.bin").delete()))
    print(len(exp.files("saved").delete("*.json")), names(exp.files("saved").list()))
    print(raised(lambda: exp.files("nope").upload("missing.bin"), ValueError))
    print(raised(lambda: exp.files("nope.txt").download(), ValueError))
    print(raised(lambda: exp.files("nope.txt").delete(), ValueError))
    print(raised(lambda: exp.files(file_id="123").download(to="x"), FileNotFoundError))
    print(raised(lambda: exp.files("x").save(object(), to="y"), ValueError))
    print(raised(lambda: exp.files("x").upload("."), ValueError))
    print(exp.bindrs("any").list())
