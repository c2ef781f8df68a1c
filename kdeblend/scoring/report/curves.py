"""Means of a measure in bins of a property of the galaxies."""

from dataclasses import dataclass

import numpy as np

from kdeblend.scoring.scores import Scores
from kdeblend.scoring.summary import statistics_in_bins

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
    found = {}
    for deblender, by_metric in scores.values.items():
        (figures,) = statistics_in_bins([by_metric[metric]], bins, bins.max() + 1, scores.galaxies)
        rows = [
            (np.median(values[bins == number]), each["mean"], each["low"], each["high"])
            for number, each in enumerate(figures)
            if each["n"]
        ]
        found[deblender] = Curve(*np.array(rows, float).reshape(-1, 4).T)
    return found
