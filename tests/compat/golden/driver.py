"""Read or continue a run with the public API alone, with any release, old or ours.

``driver.py read ROOT PREFIX OUT`` writes what the release gives back to OUT as JSON.
``driver.py append ROOT PREFIX MARKER OUT`` first adds one record to each stream, one parameter and
two files. Needs nothing but the standard library.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from ml_dash import Experiment, LocalStorage

ALL = 1_000_000


def read(root: str, prefix: str) -> dict[str, Any]:
    """Return everything the public API gives back."""
    with Experiment(prefix, dash_root=root).run as exp:
        return {
            "params": exp.params.get(),
            "metrics": {name or "None": metric(exp, name or "None") for name in metric_names(exp)},
            "tracks": {
                topic: exp.tracks(topic).read()["entries"] for topic in topics(root, prefix)
            },
            "files": files(exp),
        }


def metric_names(exp: Any) -> list[str | None]:
    """Return the names of all metrics, sorted."""
    names = [listed["name"] for listed in exp.metrics("any").list_all()]
    return sorted(names, key=str)


def metric(exp: Any, name: str) -> dict[str, Any]:
    """Return one metric's points and counts."""
    page = exp.metrics(name).read(limit=ALL)
    stats = exp.metrics(name).stats()
    return {
        "points": page["data"],
        "total": page["total"],
        "stored": int(stats["totalDataPoints"]),
        "description": stats["description"],
        "tags": stats["tags"],
        "metadata": stats["metadata"],
    }


def topics(root: str, prefix: str) -> list[str]:
    """Return the topics of all tracks, sorted."""
    owner, project, *_ = prefix.split("/")
    return sorted(
        track["topic"] for track in LocalStorage(root).list_tracks(owner, project, prefix)
    )


def files(exp: Any) -> list[dict[str, Any]]:
    """Return the records of all stored files, each with the digest of its downloaded bytes."""
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for record in exp.files().list():
            target = Path(folder) / "downloaded"
            exp.files(file_id=record["id"]).download(to=str(target))
            digest = hashlib.sha256(target.read_bytes()).hexdigest()
            target.unlink()
            out.append({**record, "downloaded": digest})
    return out


def append(root: str, prefix: str, marker: str) -> None:
    """Add one record to each stream, one parameter, a new file and a replaced one."""
    with Experiment(prefix, dash_root=root).run as exp:
        exp.params.set(**{f"added_{marker}": marker, "added_last": marker})
        exp.log(f"added {marker}", marker=marker)
        for name in metric_names(exp):
            if name is None:
                exp.metrics.log(added=marker)
            else:
                exp.metrics(name).log(added=marker)
        for topic in topics(root, prefix):
            exp.tracks(topic).append(_ts=1e6, added=marker)
        exp.files("added").save_text(marker, to=f"{marker}.txt")
        exp.files("added").save_text(f"last is {marker}", to="last.txt")


def main() -> None:
    """Do what the arguments say."""
    action, root, prefix, *marker, out = sys.argv[1:]
    if action == "append":
        append(root, prefix, marker[0])
    Path(out).write_text(json.dumps(read(root, prefix)), encoding="utf-8")


if __name__ == "__main__":
    main()
