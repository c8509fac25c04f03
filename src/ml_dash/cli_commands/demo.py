"""``ml-dash demo``: run the digits example, show what was kept, read it back and check it."""

from __future__ import annotations

import itertools
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ml_dash._base import console
from ml_dash.exceptions import DataLossError, MissingDependencyError

_EXTRA_PACKAGES = frozenset({"matplotlib", "numpy", "sklearn"})

_READ_BACK = """\
from ml_dash import Experiment

with Experiment({prefix!r}, dash_root={root!r}).run as run:
    print(run.params.get())
    print(run.metrics("eval").read()["data"][-1])
    print(run.tracks("weights").read()["count"], "entries")
    print([file["filename"] for file in run.files().list()])
"""


@dataclass(frozen=True)
class _Place:
    """Where the demo's run is."""

    root: Path
    prefix: str

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.root / self.prefix


@click.command("demo")
@click.option(
    "--root",
    default=".dash",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds the runs; made when it is missing.",
)
@click.option(
    "--epochs",
    default=10,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How often to go through the training images.",
)
def command(root: Path, epochs: int) -> None:
    """Train a small network on handwritten digits, record everything, and read it back.

    Needs the extra "demo": pip install "ml-dash[demo]". Takes a few seconds.
    """
    digits = _load_script()
    place = _free_place(root.resolve())
    try:
        experiment, model = _train(digits, place, epochs)
    except KeyboardInterrupt:
        click.echo(f"What was recorded until now is in {place.folder}", err=True)
        raise
    click.echo(f"Folder   {place.folder}\n")
    _show_ledger(experiment.ledger())
    click.echo("\nRead it back with:\n")
    for line in _READ_BACK.format(prefix=place.prefix, root=str(place.root)).splitlines():
        click.echo(f"    {line}" if line else "")
    click.echo(f"\nor with any tool: head -n 3 '{place.folder}/metrics/eval/data.jsonl'\n")
    click.echo(_check(digits, place, epochs, model))


def _load_script() -> Any:
    """Return the example as a module.

    Raises:
        MissingDependencyError: a package of the extra ``demo`` is missing.
    """
    try:
        return import_module("ml_dash._examples.digits")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA_PACKAGES:
            raise
        raise MissingDependencyError(
            f"The demo needs the package {package!r}, which is not installed",
            hint='pip install "ml-dash[demo]"',
            context={"package": package, "extra": "demo"},
            cause=error,
        ) from error


def _free_place(root: Path) -> _Place:
    """Return a place, named after the time, that holds no run yet."""
    name = f"{datetime.now().astimezone():%Y-%m-%d.%H.%M.%S}"
    for suffix in itertools.chain([""], (f".{number}" for number in itertools.count(2))):
        place = _Place(root, f"demo/digits/{name}{suffix}")
        if not place.folder.exists():
            break
    return place


def _train(digits: Any, place: _Place, epochs: int) -> tuple[Any, Any]:
    """Run the example in ``place`` and return its closed experiment and its model."""
    from ml_dash import Experiment

    experiment = Experiment(prefix=place.prefix, dash_root=str(place.root))
    with console.progress("Training", epochs) as advance, experiment.run:
        model = digits.train(experiment, _counted(epochs, advance))
        digits.keep(experiment, model)
    return experiment, model


def _counted(epochs: int, advance: console.Advance) -> Iterator[int]:
    """Yield the epochs and move the progress display after each."""
    for epoch in range(epochs):
        yield epoch
        advance(1)


def _show_ledger(ledger: Any) -> None:
    """Print how much was accepted and where it is; every stream in a line of its own.

    Raises:
        DataLossError: a record that was accepted is not stored.
    """
    width = max(len("Stream"), *(len(name) for name in ledger.streams))
    click.echo(f"{'Stream':<{width}}  accepted  stored  waiting  refused")
    for name, row in sorted(ledger.streams.items()):
        click.echo(
            f"{name:<{width}}  {row.accepted:>8}  {row.stored:>6}  {row.waiting:>7}  "
            f"{row.refused:>7}"
        )
    click.echo(f"Lost: {ledger.lost}")
    missing = sorted(name for name, row in ledger.streams.items() if row.stored != row.accepted)
    if missing or ledger.lost:
        raise DataLossError(
            f"Not all that was accepted is stored: {', '.join(missing) or 'see the ledger'}",
            hint="Report this with the ledger and the folder",
        )


def _check(digits: Any, place: _Place, epochs: int, model: Any) -> str:
    """Open the run anew, compare what it holds with what was recorded, and say so.

    Raises:
        DataLossError: something that was recorded is not there, or is not the same.
    """
    from ml_dash import Experiment

    with Experiment(prefix=place.prefix, dash_root=str(place.root)).run as run:
        read = _what_is_stored(run, digits, epochs)
    expected = _what_was_recorded(digits, epochs, model)
    wrong = [what for what in expected if read[what] != expected[what]]
    if wrong:
        raise DataLossError(
            f"Read back, but not as recorded: {', '.join(wrong)}",
            kept=f"what there is lies in {place.folder}",
            hint="Report this with the folder",
            context={"wrong": wrong, "read": read, "expected": expected},
        )
    return (
        f"Read back and compared: {epochs} epochs, {expected['track entries']} track entries, "
        f"{len(expected['files'])} files; the stored model is right for "
        f"{expected['last scores']['accuracy']:.1%} of the digits that it never saw."
    )


def _what_was_recorded(digits: Any, epochs: int, model: Any) -> dict[str, Any]:
    """Return what the run must hold."""
    train_part, eval_part = digits.load()
    scores = digits.judge(model, eval_part)
    return {
        "parameters": digits.MODEL,
        "epochs": list(range(epochs)),
        "batch summaries": epochs,
        "last scores": scores,
        "track entries": epochs * -(-len(train_part[1]) // digits.BATCH_SIZE),
        "files": ["confusion.png", "model.pkl"],
        "scores of the stored model": scores,
    }


def _what_is_stored(run: Any, digits: Any, epochs: int) -> dict[str, Any]:
    """Return what the run holds, by the same names."""
    points = [point["data"] for point in run.metrics("eval").read(limit=epochs + 1)["data"]]
    _, eval_part = digits.load()
    return {
        "parameters": run.params.get(flatten=False)["model"],
        "epochs": [point["epoch"] for point in points],
        "batch summaries": len(run.metrics("batches").read(limit=epochs + 1)["data"]),
        "last scores": {key: points[-1][key] for key in ("loss", "accuracy")} if points else {},
        "track entries": run.tracks("weights").read()["count"],
        "files": sorted(file["filename"] for file in run.files().list()),
        "scores of the stored model": digits.judge(_stored_model(run), eval_part),
    }


def _stored_model(run: Any) -> Any:
    """Return the model as it was stored with the run."""
    with tempfile.TemporaryDirectory() as folder:
        copy = run.files("checkpoints/model.pkl").download(to=str(Path(folder) / "model.pkl"))
        return pickle.loads(Path(copy).read_bytes())
