"""The best of a few settings of a deblender, on blends with known truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from kdeblend.deblenders.sources import SourcesDeblender

ROUNDS = 2


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

    Args:
        deblender: What to tune; its attributes are changed.
        grid: Values to try, by attribute.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units.

    Returns:
        The values chosen, by attribute.
    """
    best = {name: getattr(deblender, name) for name in grid}
    found: dict[tuple, float] = {}

    def quality(values: dict[str, Any]) -> float:
        key = tuple(values.values())
        if key not in found:
            deblender.restore(values)
            found[key] = matched_psnr(deblender, blends, truth)
        return found[key]

    for _ in range(ROUNDS):
        before = dict(best)
        for name, values in grid.items():
            choices = [best, *({**best, name: value} for value in values)]
            best = max(choices, key=quality)
        if best == before:
            break
    deblender.restore(best)
    return best


def matched_psnr(deblender: SourcesDeblender, blends: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean PSNR in dB of the sources that match the true galaxies best.

    Args:
        deblender: What finds the sources.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units.
    """
    scores = []
    for blend, galaxies in zip(blends, truth, strict=True):
        sources = deblender.checked_sources(blend)
        errors = np.array(
            [[np.square(found - galaxy).mean() for found in sources] for galaxy in galaxies]
        )
        decibels = -10 * np.log10(np.maximum(errors, 1e-10))
        scores.append(decibels[linear_sum_assignment(decibels, maximize=True)].mean())
    return float(np.mean(scores))
