"""Every deblender on every blend, by every metric."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.io.atomic import atomic_path
from kdeblend.metrics import METRICS
from kdeblend.scoring.blends import BlendSet, Chunk

LAYERS = ("central", "other")
COLUMNS = ("blend", "layer", "deblender", "metric", "value")

Metric = Callable[..., float]


@dataclass(frozen=True)
class Scores:
    """Single scores of several deblenders on the same blends.

    Args:
        values: By deblender and metric, float64 array `(blends, 2)`: the scores
            of the central galaxy and of the other one.
    """

    values: dict[str, dict[str, np.ndarray]]

    def rows(self) -> Iterator[tuple[int, str, str, str, float]]:
        """Yield number of the blend, layer, deblender, metric and score, one at a time."""
        for deblender, by_metric in self.values.items():
            for metric, scores in by_metric.items():
                for (blend, layer), value in np.ndenumerate(scores):
                    yield blend, LAYERS[layer], deblender, metric, float(value)

    def write_csv(self, path: str | os.PathLike) -> None:
        """Write one line per score, under a line of column names."""
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(self.rows())


def score(
    deblenders: Sequence[Deblender],
    blends: BlendSet,
    metrics: Mapping[str, Metric] = METRICS,
    progress: Callable[[int], Any] | None = None,
) -> Scores:
    """Score deblenders, and the predictions that come with the blends.

    Args:
        deblenders: What to score; their names must differ.
        blends: The test blends.
        metrics: By name, functions of truth, prediction and mask.
        progress: Called with the number of blends after each chunk.

    Raises:
        ValueError: If two have the same name, or a deblender cannot take the blends.

    Example:
        >>> scores = score([IdentityDeblender()], ReadBlends("panels.npz"))
        >>> scores.values["identity"]["psnr"].shape
        (32, 2)
    """
    names = [*(deblender.name for deblender in deblenders), *blends.predictions]
    if len(set(names)) != len(names):
        raise ValueError(f"names of deblenders must differ. Received: {names}")
    functions = dict(metrics)
    values = {name: {metric: np.empty((len(blends), 2)) for metric in functions} for name in names}
    start = 0
    for chunk in blends.chunks():
        rows = slice(start, start + len(chunk.blend))
        for name, layers in _answers(deblenders, chunk):
            for metric, function in functions.items():
                values[name][metric][rows] = _measure(function, chunk, layers)
        start = rows.stop
        if progress:
            progress(len(chunk.blend))
    return Scores(values)


def _answers(deblenders: Sequence[Deblender], chunk: Chunk) -> Iterator[tuple[str, np.ndarray]]:
    for deblender in deblenders:
        yield deblender.name, deblender.deblend(chunk.blend)
    yield from chunk.predictions.items()


def _measure(function: Metric, chunk: Chunk, layers: np.ndarray) -> list[list[float]]:
    masks = [None] * len(layers) if chunk.valid is None else chunk.valid
    return [
        [function(truth[layer], found[layer], valid) for layer in range(len(LAYERS))]
        for truth, found, valid in zip(chunk.truth, layers, masks, strict=True)
    ]
