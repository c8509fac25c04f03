"""Stores files; each case is a function."""

import os
import shutil
import tempfile

from common import OPTIONS, Heard, attempt, build, report

SOURCE = OPTIONS.get("source", "")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def stored(exp):
    """Return what the public readers show: name, checksum, size and content of each file."""
    found = []
    for record in exp.files.list():
        target = os.path.join(OPTIONS["root"], "..", "back")
        content, error = attempt(exp.files(file_id=record["id"]).download, to=target)
        if not error:
            with open(target, "rb") as file:
                content = file.read().decode(errors="replace")
        found.append({"name": record["filename"], "path": record["path"], "error": error,
                      "content": content, "checksum": record["checksum"],
                      "size": record["sizeBytes"]})
    return found


def rewritten(exp):
    """Upload one path three times, under three names, with other content each time."""
    answers = []
    for number in range(3):
        write(SOURCE, f"content {number}" * 1000)
        answers.append(exp.files("m").upload(SOURCE, to=f"{number}.txt"))
    exp.flush()
    return {"answers": answers}


def gone(exp):
    """Upload and remove, or change, the source at once."""
    write(SOURCE, "first" * 1000)
    exp.files("m").upload(SOURCE, to="removed.txt")
    os.unlink(SOURCE)
    write(SOURCE, "second" * 1000)
    exp.files("m").upload(SOURCE, to="changed.txt")
    with open(SOURCE, "r+") as file:
        file.write("CHANGED")
    write(SOURCE + ".b", "third" * 1000)
    exp.files("m").upload(SOURCE + ".b", to="replaced.txt")
    write(SOURCE + ".c", "other")
    os.replace(SOURCE + ".c", SOURCE + ".b")
    exp.flush()
    return {}


def kept_sources(exp):
    """Upload files of the user's that lie below the temporary directory."""
    folder = tempfile.mkdtemp(prefix="users-own-")
    paths = [os.path.join(folder, name) for name in ("a.bin", "b.bin")]
    for path in paths:
        write(path, path)
        exp.files("m").upload(path)
    exp.files("m").save(paths[0])
    exp.flush()
    exp.run.complete()
    left = [path for path in paths if os.path.exists(path)]
    shutil.rmtree(folder, ignore_errors=True)
    exp.run.start()
    return {"left": len(left)}


def duplicates(exp):
    """Duplicate a listed file, and the results of `save_*` and `upload`."""
    write(SOURCE, "source" * 100)
    answers = {
        "text": exp.files("d").save_text("text", to="text.txt"),
        "json": exp.files("d").save_json({"a": 1}, to="json.json"),
        "blob": exp.files("d").save_blob(b"blob", to="blob.bin"),
        "upload": exp.files("d").upload(SOURCE),
    }
    exp.flush()
    errors = {
        name: attempt(exp.files().duplicate, answer, f"copies/{name}")[1]
        for name, answer in answers.items()
    }
    listed = [record for record in exp.files.list() if record["filename"] == "text.txt"]
    errors["listed"] = attempt(exp.files().duplicate, listed[0], "copies/listed")[1]
    exp.flush()
    return {"duplicated": errors, "answers": answers}


def spoilt_index(exp):
    """Store files, spoil the index, and store one more."""
    for number in range(5):
        exp.files("m").save_text(f"text {number}", to=f"{number}.txt")
    exp.flush()
    index = os.path.join(OPTIONS["root"], OPTIONS["prefix"], "files", ".files_metadata.json")
    if OPTIONS["spoil"] == "cut":
        with open(index, "r+") as file:
            file.truncate(40)
    else:
        os.unlink(index)
    exp.files("m").save_text("text 5", to="5.txt")
    exp.flush()
    return {}


def peak_kib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def large(exp):
    """Upload a file of 2 GiB; tell how far the process's memory grew at its peak."""
    with open(SOURCE, "wb") as file:
        file.truncate(OPTIONS["size"])
        file.seek(OPTIONS["size"] // 2)
        file.write(b"in the middle")
    exp.files("small").save_text("warm", to="warm.txt")
    exp.flush()
    before = peak_kib()
    exp.files("big").upload(SOURCE)
    exp.flush()
    return {"grown_kib": peak_kib() - before}


def main():
    heard = Heard()
    with build().run as exp:
        report(**globals()[OPTIONS["case"]](exp))
        if OPTIONS["case"] != "large":
            report(stored=stored(exp))
    report(**heard.facts())


if __name__ == "__main__":
    main()
