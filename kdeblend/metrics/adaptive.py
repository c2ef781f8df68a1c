"""Adaptive moments: position, shape and size of a galaxy under a Gaussian that fits it."""

import numpy as np

from kdeblend.metrics.checks import counted
from kdeblend.metrics.galaxy import background_level, find_galaxy
from kdeblend.metrics.remember import remember

TOLERANCE = 1e-5
STEPS = 200


@remember
def adaptive_moments(
    image: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return centre and covariance of the galaxy on an image.

    First and second moments of the light above the sky, mean over bands, are weighted
    with an elliptical Gaussian, which is moved and reshaped until its own centre and
    covariance are the moments (twice the weighted ones). For a Gaussian galaxy these are
    its own. The search starts from the galaxy of the true layer, and the sky is the
    median where that layer shows sky.

    Args:
        image: Array `(height, width, bands)`, floats in [0, 1].
        truth: The true layer, of the same shape and units.
        valid: Boolean array `(height, width)`, True where a pixel counts, or None.

    Returns:
        Row and column in pixels, and an array 2 x 2 in pixels squared; None if the true
        layer is dark, or nothing is found near its galaxy.

    Reference:
        [Bernstein & Jarvis, 2002](https://doi.org/10.1086/338085);
        [Hirata & Seljak, 2003](https://doi.org/10.1046/j.1365-8711.2003.06683.x)
    """
    galaxy = find_galaxy(truth, valid)
    if galaxy is None:
        return None
    light = (image - background_level(image, galaxy.background)).mean(axis=-1)
    return _adapt(np.where(counted(image, valid), light, 0), galaxy.centre, galaxy.covariance)


def _adapt(light, centre, covariance):
    """Iterate to the fixed point; None where there is none on the image."""
    rows, columns = (np.arange(side, dtype=np.float64) for side in light.shape)
    start, reach = centre, 3 * np.sqrt(np.trace(covariance))
    for _ in range(STEPS):
        y, x = rows[:, None] - centre[0], columns[None] - centre[1]
        weighted = _gaussian(y, x, covariance) * light
        total = weighted.sum()
        if not total > 0:
            return None
        shift, moments = _weighted_moments(weighted, y, x, total)
        change = np.abs(moments - covariance).max() / np.trace(covariance)
        centre, covariance = centre + shift, moments
        if not _is_sound(covariance, light.shape) or np.hypot(*(centre - start)) > reach:
            return None
        if max(change, np.abs(shift).max()) < TOLERANCE:
            return centre, covariance
    return None


def _gaussian(y, x, covariance):
    """Return an elliptical Gaussian `(height, width)` of peak 1 about the origin."""
    (yy, xy), (_, xx) = covariance
    determinant = yy * xx - xy * xy
    return np.exp((xy * y * x - 0.5 * (xx * y * y + yy * x * x)) / determinant)


def _weighted_moments(weighted, y, x, total):
    """Return twice the first and second moments of light that is weighted already."""
    by_row, by_column = weighted.sum(axis=1), weighted.sum(axis=0)
    y, x = y[:, 0], x[0]
    mixed = (y * (weighted * x).sum(axis=1)).sum()
    first = np.array([(by_row * y).sum(), (by_column * x).sum()])
    second = np.array([[(by_row * y * y).sum(), mixed], [mixed, (by_column * x * x).sum()]])
    return 2 * first / total, 2 * second / total


def _is_sound(covariance, shape):
    """Tell whether a covariance is positive and no larger than the image."""
    (a, b), (_, d) = covariance
    return a > 0 and a * d - b * b > 1e-6 and a + d < sum(side**2 for side in shape)
