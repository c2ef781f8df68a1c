"""The best of a few settings of a deblender, on blends with known truth."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kdeblend.deblenders.sources import SourcesDeblender

ROUNDS = 2
LEAST_ERROR = 1e-10  # 100 dB, for equal images


def search(
    deblender: SourcesDeblender,
    grid: Mapping[str, Sequence[Any]],
    blends: np.ndarray,
    truth: np.ndarray,
) -> dict[str, Any]:
    """Set the attributes of a deblender to the best values of a grid.

    One attribute after the other is given the value with the highest mean PSNR,
    the others kept as they are, in the order of the grid; twice, or until nothing
    changes. The values that the deblender comes with take part and win a tie.
    Values with which it fails on a blend lose.

    Args:
        deblender: What to tune; its attributes are changed.
        grid: Values to try, by attribute.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units.

    Returns:
        The values chosen, by attribute.

    Raises:
        ValueError: If it fails with all values that were tried. As after any other
            error, the attributes are then what they were before.
    """
    start = {name: getattr(deblender, name) for name in grid}
    try:
        best = _search(deblender, grid, start, _Quality(deblender, blends, truth))
    except BaseException:
        deblender.restore(start)
        raise
    deblender.restore(best)
    return best


class _Quality:
    """The mean PSNR in dB that values of attributes give, minus infinity where they fail."""

    def __init__(self, deblender: SourcesDeblender, blends: np.ndarray, truth: np.ndarray):
        self._deblender, self._blends, self._truth = deblender, blends, truth
        self._found: dict[tuple, float] = {}
        self.error: Exception | None = None

    def __call__(self, values: dict[str, Any]) -> float:
        key = tuple(values.values())
        if key not in self._found:
            self._deblender.restore(values)
            self._found[key] = self._measured()
        return self._found[key]

    def _measured(self) -> float:
        try:
            return matched_psnr(self._deblender, self._blends, self._truth)
        except Exception as error:  # a deblender may raise anything
            self.error = error
            return -math.inf


def _search(
    deblender: SourcesDeblender,
    grid: Mapping[str, Sequence[Any]],
    start: dict[str, Any],
    quality: _Quality,
) -> dict[str, Any]:
    best = start
    for _ in range(ROUNDS):
        before = best
        for name, values in grid.items():
            choices = [best, *({**best, name: value} for value in values)]
            best = max(choices, key=quality)
        if best == before:
            break
    if quality(best) == -math.inf:
        raise ValueError(
            f"deblender {deblender.name} must work with some of the values to try. "
            f"Received: {type(quality.error).__name__}: {quality.error}"
        ) from quality.error
    return best


def matched_psnr(deblender: SourcesDeblender, blends: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean PSNR in dB of the sources that match the true galaxies best.

    A galaxy that no source is left for is compared with black.

    Args:
        deblender: What finds the sources.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units.
    """
    found = deblender.match(deblender.find(blends), truth, np.ones(blends.shape[:3], bool))
    errors = np.square(found - truth).mean(axis=(2, 3, 4))
    return float(-10 * np.log10(np.maximum(errors, LEAST_ERROR)).mean())
