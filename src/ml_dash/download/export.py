"""Metrics and tracks of a server as tables: CSV, JSON lines, Parquet."""

from __future__ import annotations

import csv
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from ml_dash._base import fsio
from ml_dash._base.ids import unique_id
from ml_dash._record import codec
from ml_dash.client import RemoteClient
from ml_dash.exceptions import LocalWriteError, MissingDependencyError, UsageError
from ml_dash.runs.remote import ServerRun

FORMATS: Final = ("csv", "jsonl", "parquet")
"""The forms of tables."""

_ROWS: Final = 10_000
Row = dict[str, Any]


def export_run(
    run: ServerRun, client: RemoteClient, root: Path, form: str,
    kinds: Iterable[str] = ("metrics", "tracks"),
) -> list[Path]:  # fmt: skip
    """Write each metric and each track of a run as a table, and return the files.

    Args:
        run: The run.
        client: Its server.
        root: Below it lies ``<path of the run>/metrics/<name>.<form>``, and so on.
        form: One of :data:`FORMATS`.
        kinds: ``metrics``, ``tracks`` or both.

    Raises:
        UsageError: there is no such form.
        MissingDependencyError: Parquet needs the extra ``parquet``.
        RemoteClientError: a request failed; whole files stay.
        OSError: a file cannot be written.
    """
    if form not in FORMATS:
        raise UsageError(f"Unknown format {form!r}", hint="Use one of: " + ", ".join(FORMATS))
    tables: list[tuple[str, str, Callable[[str], Iterable[Row]]]] = []
    if "metrics" in kinds:
        tables += [("metrics", name, lambda name: map(_point_row, run.points(name, 0)))
                   for name in run.metric_names()]  # fmt: skip
    if "tracks" in kinds:
        tables += [("tracks", str(each["topic"]), lambda topic: _entries(client, run, topic))
                   for each in run.tracks()]  # fmt: skip
    made: list[Path] = []
    for kind, name, rows in tables:
        path = _free(root / run.path / kind, name, form, made)
        _write_rows(path, form, functools.partial(rows, name))
        made.append(path)
    return made


def export_track(
    run: ServerRun, client: RemoteClient, topic: str, form: str, path: Path
) -> int:  # fmt: skip
    """Write a track to a file, in a form that the server makes, and return its size in bytes.

    Args:
        run: The run.
        client: Its server.
        topic: The track.
        form: ``json``, ``jsonl``, ``parquet`` or ``mcap``.
        path: The file; replaced whole.

    Raises:
        RemoteNotFoundError: there is no such track.
        RemoteClientError: the request failed.
        LocalWriteError: the file cannot be written.
    """
    found = client.get_track_data(run.id, topic, format=form)
    data = found if isinstance(found, bytes) else codec.encode_document(found)
    try:
        fsio.write_atomic(path, data)
    except OSError as error:
        raise LocalWriteError(
            f"Cannot write {path}: {error.strerror or error}", kept="what was there before",
            hint="Give another file with --output", context={"path": str(path)}, cause=error,
        ) from error  # fmt: skip
    return len(data)


def _free(folder: Path, name: str, form: str, taken: list[Path]) -> Path:
    """Return the file of a table: ``a/b`` and ``a_b`` must not become one."""
    plain = "".join(each if each.isalnum() or each in "-_. " else "_" for each in name)
    plain = plain.lstrip(".") or "_"
    path, number = folder / f"{plain}.{form}", 2
    while path in taken:
        path, number = folder / f"{plain}-{number}.{form}", number + 1
    return path


def _point_row(point: Row) -> Row:
    return {"index": int(point["index"]), "createdAt": point.get("createdAt"), **point["data"]}


def _entries(client: RemoteClient, run: ServerRun, topic: str) -> Iterator[Row]:
    for line in client.iter_track_lines(run.id, topic):
        yield codec.decode(line)


def _write_rows(path: Path, form: str, rows: Callable[[], Iterable[Row]]) -> None:
    """Write rows as a table, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{unique_id()}.part")
    try:
        _WRITERS[form](temporary, rows)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_jsonl(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    with path.open("xb") as file:
        for row in rows():
            file.write(codec.encode(row) + b"\n")


def _write_csv(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    # Twice through: later rows may have columns that the first ones lack. What a run that goes on
    # has got in between is left for the next time.
    columns: dict[str, None] = {}
    count = 0
    for row in rows():
        columns.update(dict.fromkeys(row))
        count += 1
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        for row in islice(rows(), count):
            writer.writerow({key: _flat(value) for key, value in row.items()})


def _flat(value: Any) -> Any:
    return codec.encode(value).decode() if isinstance(value, (dict, list)) else value


def _write_parquet(path: Path, rows: Callable[[], Iterable[Row]]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependencyError(
            "Writing parquet needs pyarrow", hint='pip install "ml-dash[parquet]"'
        ) from error
    kinds, count = _kinds(rows())
    schema = pa.schema([(name, _ARROW[kind](pa)) for name, kind in kinds.items()])
    with path.open("xb") as file:
        _write_batches(pa, pq, file, schema, kinds, islice(rows(), count))


def _write_batches(
    pa: Any, pq: Any, file: IO[bytes], schema: Any, kinds: dict[str, str], rows: Iterable[Row]
) -> None:
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        batch: list[Row] = []
        for row in rows:
            batch.append({name: _fitted(row.get(name), kind) for name, kind in kinds.items()})
            if len(batch) == _ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema))


def _kinds(rows: Iterable[Row]) -> tuple[dict[str, str], int]:
    """Return the kind of each column, text for those of several, and how many rows there are."""
    found: dict[str, str] = {}
    count = 0
    for row in rows:
        count += 1
        for name, value in row.items():
            kind = _kind(value)
            before = found.get(name)
            if before in (None, "null") or before == kind:
                found[name] = kind
            elif kind != "null":
                found[name] = "float" if {before, kind} == {"int", "float"} else "text"
    return found, count


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "text"
    return "float" if isinstance(value, float) else "text"


def _fitted(value: Any, kind: str) -> Any:
    if value is None or kind != "text":
        return float(value) if value is not None and kind == "float" else value
    return value if isinstance(value, str) else codec.encode(value).decode()


_ARROW: Final[dict[str, Callable[[Any], Any]]] = {
    "null": lambda pa: pa.string(), "bool": lambda pa: pa.bool_(), "int": lambda pa: pa.int64(),
    "float": lambda pa: pa.float64(), "text": lambda pa: pa.string(),
}  # fmt: skip
_WRITERS: Final = {"csv": _write_csv, "jsonl": _write_jsonl, "parquet": _write_parquet}
