"""Confidence intervals by resampling galaxies, or blends."""

from collections.abc import Iterator

import numpy as np

RESAMPLES = 1000
SEED = 0
CONFIDENCE = 0.95
_BLOCK = 2_000_000  # drawn numbers at once


def intervals(
    values: np.ndarray, galaxies: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return 95 % intervals of means by the percentile bootstrap.

    Blends that share a galaxy are not independent. So whole galaxies are drawn with
    replacement, as often as there are galaxies, and a blend counts as often as its one galaxy
    was drawn times as often as its other one was. Where it is not known which galaxies the
    blends have, whole blends are drawn. The same 1,000 draws are used at each call for the
    same blends.

    Args:
        values: Array `(columns, blends, k)`: each column has one mean, over blends and the
            last axis. What is not finite is left out.
        galaxies: Numbers of the two galaxies of each blend, int array `(blends, 2)`.

    Returns:
        Lower and upper ends, two arrays `(columns,)`; NaN for a column with values of one
        blend or of two galaxies only, which say nothing of others.

    References:
        [Efron, 1979](https://doi.org/10.1214/aos/1176344552);
        [Owen, 2007](https://doi.org/10.1214/07-AOAS122) for two galaxies a blend.
    """
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0).sum(axis=-1).T
    counts = finite.sum(axis=-1, dtype=np.float64).T
    tail = 50 * (1 - CONFIDENCE)
    ends = np.full((2, values.shape[0]), np.nan)
    known = np.flatnonzero([_say_something(column > 0, galaxies) for column in counts.T])
    if len(known):
        means = np.concatenate(
            [
                _ratio(draws @ sums[:, known], draws @ counts[:, known])
                for draws in _draws(values.shape[1], galaxies)
            ]
        )
        ends[:, known] = np.nanpercentile(means, [tail, 100 - tail], axis=0)
    return ends[0], ends[1]


def _say_something(scored: np.ndarray, galaxies: np.ndarray | None) -> bool:
    """Tell whether the blends that have a value differ between draws."""
    if galaxies is None:
        return int(np.count_nonzero(scored)) > 1
    return len(np.unique(galaxies[scored])) > 2


def _ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Divide, with NaN for draws that hold no value of a column."""
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _draws(blends: int, galaxies: np.ndarray | None) -> Iterator[np.ndarray]:
    """Yield how often each blend counts, arrays `(resamples, blends)`."""
    if galaxies is None:
        yield from _drawn(blends, blends)
        return
    names, numbers = np.unique(galaxies, return_inverse=True)
    first, second = numbers.reshape(-1, 2).T
    for drawn in _drawn(len(names), max(blends, len(names))):
        yield drawn[:, first] * drawn[:, second]


def _drawn(count: int, width: int) -> Iterator[np.ndarray]:
    """Yield how often each of so many things is drawn, arrays `(resamples, count)`."""
    random = np.random.default_rng(SEED)
    at_once = max(1, min(RESAMPLES, _BLOCK // width))
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        drawn = random.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(float)
