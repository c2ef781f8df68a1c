"""Every metric on what was found."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES, superpose
from kdeblend.metrics.context import Context
from kdeblend.scoring.answers import Answer
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.parts import Part

Metric = Callable[..., float]


class Measure:
    """All metrics on the answers of a deblender.

    Args:
        metrics: By name, functions of truth, prediction and mask, and of `context` if they
            have a parameter of this name.
        blend_mode: Name of the blend mode of the blends, or None if it is not known.
    """

    def __init__(self, metrics: Mapping[str, Metric], blend_mode: str | None):
        self._metrics = {name: (metrics[name], _wants_context(metrics[name])) for name in metrics}
        blend = None if blend_mode is None else partial(superpose, BLEND_MODES[blend_mode])
        self._superpose = (blend, blend and (lambda second, first: blend(first, second)))

    def __call__(self, answer: Answer, chunk: Chunk) -> Part:
        """Measure an answer against the truth of its chunk."""
        values = {name: np.full((len(chunk.truth), 2), math.nan) for name in self._metrics}
        for blend, layer in np.ndindex(len(chunk.truth), 2):
            if blend not in answer.failures:
                for name, value in self._galaxy(answer.layers, chunk, blend, layer):
                    values[name][blend, layer] = value
        return Part(values, answer.milliseconds, answer.failures)

    def _galaxy(self, layers: np.ndarray, chunk: Chunk, blend: int, layer: int):
        truth, found, other = chunk.truth[blend], layers[blend], 1 - layer
        superpose = self._superpose[layer]
        context = Context(chunk.blend[blend], truth[other], found[other], superpose)
        for name, (function, wants_context) in self._metrics.items():
            extra: dict[str, Any] = {"context": context} if wants_context else {}
            try:
                value = float(function(truth[layer], found[layer], chunk.valid[blend], **extra))
            except Exception as error:  # a metric of others may raise anything
                raise ValueError(
                    f"the metric {name!r} must give a number or NaN for any galaxy. "
                    f"Received: {type(error).__name__}: {error}"
                ) from error
            yield name, value


def _wants_context(metric: Metric) -> bool:
    return "context" in inspect.signature(metric).parameters
