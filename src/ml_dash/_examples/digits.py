"""Train a small network on handwritten digits and record everything about it.

The data set is real (1,797 scanned digits, 8 x 8 pixels) and comes with scikit-learn::

    pip install "ml-dash[demo]"
    python examples/digits.py
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from ml_dash import Experiment

EPOCHS = 10
BATCH_SIZE = 32
SEED = 7
MODEL = {"hidden": [64], "learning_rate": 0.002, "l2": 1e-4}

Part = tuple[Any, Any]
"""Images, one row of 64 pixels each, and their labels."""


def load() -> tuple[Part, Part]:
    """Return the digits to train with and the digits to judge with."""
    pixels, labels = load_digits(return_X_y=True)
    train_pixels, eval_pixels, train_labels, eval_labels = train_test_split(
        pixels / 16, labels, test_size=0.25, random_state=SEED, stratify=labels
    )
    return (train_pixels, train_labels), (eval_pixels, eval_labels)


def batches(part: Part, rng: np.random.Generator) -> Iterator[Part]:
    """Yield the part in batches, in a new order each time."""
    images, labels = part
    order = rng.permutation(len(labels))
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        yield images[chosen], labels[chosen]


def judge(model: MLPClassifier, part: Part) -> dict[str, float]:
    """Return how good the model is on a part of the data."""
    images, labels = part
    guesses = model.predict_proba(images)
    return {
        "loss": float(log_loss(labels, guesses)),
        "accuracy": float(accuracy_score(labels, guesses.argmax(axis=1))),
    }


def fit(model: MLPClassifier, images: Any, labels: Any) -> None:
    """Train on one batch; scikit-learn turns Ctrl-C into a warning, which nobody would hear."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Training interrupted")
        try:
            model.partial_fit(images, labels, classes=range(10))
        except UserWarning as interrupted:
            raise KeyboardInterrupt from interrupted


def train(experiment: Experiment, epochs: Iterable[int] = range(EPOCHS)) -> MLPClassifier:
    """Train a classifier and record the training."""
    train_part, eval_part = load()
    rng = np.random.default_rng(SEED)
    model = MLPClassifier(
        hidden_layer_sizes=MODEL["hidden"],
        learning_rate_init=MODEL["learning_rate"],
        alpha=MODEL["l2"],
        random_state=SEED,
    )
    experiment.params.set(model=MODEL, seed=SEED, batch_size=BATCH_SIZE)
    experiment.params.set(data={"train": len(train_part[1]), "eval": len(eval_part[1])})
    experiment.log("Training starts", images=len(train_part[1]))

    start = time.perf_counter()
    for epoch in epochs:
        for images, labels in batches(train_part, rng):
            fit(model, images, labels)
            experiment.metrics("batches").buffer(loss=model.loss_)
            sizes = [float(np.linalg.norm(layer)) for layer in model.coefs_]
            experiment.tracks("weights").append(
                _ts=time.perf_counter() - start, norm={"hidden": sizes[0], "output": sizes[1]}
            )
        experiment.metrics.buffer.log_summary("mean", "max", "p95", "count")
        scores = judge(model, eval_part)
        experiment.metrics.log(epoch=epoch, train=judge(model, train_part), eval=scores)
        experiment.log(f"Epoch {epoch} done", accuracy=round(scores["accuracy"], 4))
    return model


def keep(experiment: Experiment, model: MLPClassifier) -> None:
    """Store the model and a picture of what it mixes up."""
    experiment.files("checkpoints").save_pkl(model, to="model.pkl")
    figure = Figure(figsize=(5, 5))
    _, (images, labels) = load()
    ConfusionMatrixDisplay.from_predictions(
        labels, model.predict(images), ax=figure.subplots(), colorbar=False
    )
    experiment.files("figures").save_fig(figure, to="confusion.png")


def main() -> None:
    """Train, and keep what came out."""
    experiment = Experiment(prefix="examples/digits/{now:%Y-%m-%d.%H.%M.%S}")
    with experiment.run:
        keep(experiment, train(experiment))


if __name__ == "__main__":
    main()
