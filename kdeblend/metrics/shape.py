"""Errors of position, shape and size, from adaptive moments."""

import math
from collections.abc import Callable

import numpy as np

from kdeblend.metrics.adaptive import adaptive_moments
from kdeblend.metrics.checks import checked

Moments = tuple[np.ndarray, np.ndarray]


def centroid_shift(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return how far the galaxy was moved, in pixels.

    The distance between the centres of `adaptive_moments`.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.

    Returns:
        Pixels; NaN if the true layer is dark or the moments of an image do not converge.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        [Hirata & Seljak, 2003](https://doi.org/10.1046/j.1365-8711.2003.06683.x)
    """
    return _compare(truth, prediction, valid, lambda t, p: np.hypot(*(p[0] - t[0])))


def ellipticity_error(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return how wrong the ellipticity is.

    The ellipticity is the distortion `(Mxx - Myy, 2 Mxy) / (Mxx + Myy)` of the second
    `adaptive_moments`: its length is `(1 - q²) / (1 + q²)` for an axis ratio q. The error
    is the length of the difference. Arguments and errors are those of `centroid_shift`.

    Returns:
        A number in [0, 2], 0 at best; NaN as there.

    Reference:
        [Bernstein & Jarvis, 2002](https://doi.org/10.1086/338085)
    """
    return _compare(truth, prediction, valid, lambda t, p: np.hypot(*(_shape(p) - _shape(t))))


def size_error(truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return by which fraction the galaxy came out too large; negative if too small.

    The size is the fourth root of the determinant of the second `adaptive_moments`, sigma
    for a round Gaussian. Arguments and errors are those of `centroid_shift`.

    Returns:
        `size / true size - 1`; NaN as there.

    Reference:
        [Mandelbaum et al., 2018](https://doi.org/10.1093/pasj/psx130)
    """
    return _compare(truth, prediction, valid, lambda t, p: _size(p) / _size(t) - 1)


def _compare(truth, prediction, valid, error: Callable[[Moments, Moments], float]) -> float:
    checked(truth, prediction, valid)
    expected = adaptive_moments(truth, truth, valid)
    found = None if expected is None else adaptive_moments(prediction, truth, valid)
    return math.nan if expected is None or found is None else float(error(expected, found))


def _shape(moments):
    (yy, xy), (_, xx) = moments[1]
    return np.array([xx - yy, 2 * xy]) / (xx + yy)


def _size(moments):
    return np.linalg.det(moments[1]) ** 0.25
