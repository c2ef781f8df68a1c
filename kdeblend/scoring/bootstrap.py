"""Confidence intervals by resampling the blends."""

from collections.abc import Iterator

import numpy as np

RESAMPLES = 1000
SEED = 0
CONFIDENCE = 0.95
_BLOCK = 2_000_000  # drawn numbers at once


def intervals(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 95 % intervals of means by the percentile bootstrap.

    Whole blends are drawn with replacement, as often as there are blends, so that the two
    galaxies of a blend, which are not independent, stay together. The same 1,000 draws are
    used at each call for the same number of blends.

    Args:
        values: Array `(columns, blends, k)`: each column has one mean, over blends and the
            last axis. What is not finite is left out.

    Returns:
        Lower and upper ends, two arrays `(columns,)`; NaN for a column without values.

    Reference:
        [Efron, 1979](https://doi.org/10.1214/aos/1176344552)
    """
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0).sum(axis=-1).T
    counts = finite.sum(axis=-1, dtype=np.float64).T
    tail = 50 * (1 - CONFIDENCE)
    ends = np.full((2, values.shape[0]), np.nan)
    filled = np.flatnonzero(counts.any(axis=0))
    if len(filled):
        means = np.concatenate(
            [
                _ratio(draws @ sums[:, filled], draws @ counts[:, filled])
                for draws in _draws(values.shape[1])
            ]
        )
        ends[:, filled] = np.nanpercentile(means, [tail, 100 - tail], axis=0)
    return ends[0], ends[1]


def _ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Divide, with NaN for draws that hold no value of a column."""
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _draws(blends: int) -> Iterator[np.ndarray]:
    """Yield how often each blend is drawn, arrays `(resamples, blends)`."""
    random = np.random.default_rng(SEED)
    at_once = max(1, min(RESAMPLES, _BLOCK // blends))
    for start in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - start)
        drawn = random.integers(0, blends, (rows, blends)) + blends * np.arange(rows)[:, None]
        yield (
            np.bincount(drawn.ravel(), minlength=rows * blends).reshape(rows, blends).astype(float)
        )
