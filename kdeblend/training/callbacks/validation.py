"""Validation on fixed blends: scores of both layers."""

import numpy as np

from kdeblend.models.predict import predict_layers
from kdeblend.training.callbacks.step_callback import StepCallback

LAYERS = ("first", "second")


class Validation(StepCallback):
    """Scores the averaged generator on fixed blends.

    Adds `val_NAME`, `val_NAME_first` and `val_NAME_second` to the logs of the
    step for each metric, for callbacks that come after it.

    Args:
        blends: Array `(n, height, width, bands)` in [0, 1].
        truth: Layers `(n, 2, height, width, bands)` in [0, 1].
        metrics: Functions `(truth, prediction) -> float` on images in [0, 1], by name.
        every: Steps between validations.
        last_step: Step after which to validate in any case.
        batch_size: Blends to predict at a time; several devices share them evenly.
        at_start: Validate before the first step, too, as for weights that have learnt before.
    """

    def __init__(self, blends, truth, metrics, every, last_step, batch_size=32, at_start=False):
        super().__init__()
        self.blends = blends
        self.truth = truth
        self.metrics = metrics
        self.every = every
        self.last_step = last_step
        self.batch_size = batch_size
        self.at_start = at_start

    def on_train_begin(self, logs=None):
        """Validate what training starts from, if that is asked for."""
        super().on_train_begin(logs)
        if self.at_start:
            logs.update(self.scores(self.model.averaged_generator))

    def on_step(self, step, logs):
        """Validate when it is time."""
        if self.crossed(self.every) or self.passed(self.last_step):
            logs.update(self.scores(self.model.averaged_generator))

    def scores(self, generator):
        """Return what `validation_scores` finds of a generator on the blends.

        Args:
            generator: Keras model from blends to a pair of images in [-1, 1].
        """
        layers = predict_layers(generator, self.blends, self.batch_size)
        return validation_scores(self.truth, layers, self.metrics)


def validation_scores(truth, prediction, metrics):
    """Return mean scores over both layers and over each.

    Infinite ones, the PSNR of equal images, are left out of the means.

    Args:
        truth: Layers `(n, 2, height, width, bands)` in [0, 1].
        prediction: Array of the same shape and range.
        metrics: Functions `(truth, prediction) -> float` by name.

    Returns:
        `val_NAME`, `val_NAME_first` and `val_NAME_second` for each metric; infinite where all
        scores are.
    """
    scores = {}
    for name, metric in metrics.items():
        each = np.array(
            [[metric(*pair) for pair in zip(*blend, strict=True)]
             for blend in zip(truth, prediction, strict=True)]
        )  # fmt: skip
        scores[f"val_{name}"] = _finite_mean(each)
        for layer, column in zip(LAYERS, each.T, strict=True):
            scores[f"val_{name}_{layer}"] = _finite_mean(column)
    return scores


def _finite_mean(scores):
    finite = scores[np.isfinite(scores)]
    return float(finite.mean() if finite.size else scores.mean())
