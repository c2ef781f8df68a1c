"""Means of a measure in bins of a property of the galaxies."""

from dataclasses import dataclass

import numpy as np

from kdeblend.scoring.bootstrap import intervals
from kdeblend.scoring.scores import Scores

MOST_BINS = 8
GALAXIES_PER_BIN = 25


@dataclass(frozen=True)
class Curve:
    """Binned means of one deblender, one entry per bin.

    Args:
        middle: Median of the property.
        mean: Mean of the measure.
        low: Lower end of its 95 % interval; NaN where there is none.
        high: Upper end of its 95 % interval.
    """

    middle: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def bins_of(values: np.ndarray) -> np.ndarray:
    """Return the number of each value's bin, bins of equally many; -1 for what is not finite.

    There are eight bins, or fewer where one would hold less than 25 values, one at least.
    """
    finite = np.isfinite(values)
    count = int(np.clip(finite.sum() // GALAXIES_PER_BIN, 1, MOST_BINS))
    bins = np.full(values.shape, -1)
    if finite.any():
        edges = np.quantile(values[finite], np.linspace(0, 1, count + 1)[1:-1])
        bins[finite] = np.searchsorted(edges, values[finite], side="right")
    return bins


def curves(scores: Scores, metric: str, name: str) -> dict[str, Curve]:
    """Return the means of a measure against a property, by deblender.

    Args:
        scores: Single scores.
        metric: Name of the measure.
        name: Name of the property.

    Returns:
        The curve of each deblender; bins in which it has no score are left out.
    """
    values = scores.properties[name]
    bins = bins_of(values)
    inside = [bins == number for number in range(bins.max() + 1)]
    middle = np.array([np.median(values[where]) if where.any() else np.nan for where in inside])
    return {
        deblender: _curve(by_metric[metric], inside, middle, scores.galaxies)
        for deblender, by_metric in scores.values.items()
    }


def _curve(
    values: np.ndarray,
    inside: list[np.ndarray],
    middle: np.ndarray,
    galaxies: np.ndarray | None,
) -> Curve:
    values = np.where(np.isfinite(values), values, np.nan)
    columns = [np.where(where, values, np.nan) for where in inside]
    kept = [number for number, column in enumerate(columns) if not np.isnan(column).all()]
    if not kept:
        return Curve(*[np.empty(0)] * 4)
    stacked = np.stack([columns[number] for number in kept])
    low, high = intervals(stacked, galaxies)
    return Curve(middle[kept], np.nanmean(stacked, axis=(1, 2)), low, high)
