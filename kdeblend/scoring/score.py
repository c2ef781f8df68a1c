"""Every deblender on every blend, by every metric."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.metrics import METRICS
from kdeblend.scoring.blends import BlendSet, Chunk
from kdeblend.scoring.scores import LAYERS, Scores

Metric = Callable[..., float]


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
