"""How well the pixels of a galaxy are told from the rest."""

import math

import numpy as np

from kdeblend.metrics.checks import checked
from kdeblend.metrics.galaxy import background_level, find_galaxy, objects_above


def segmentation_iou(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return the overlap of the galaxy's pixels, found and true.

    The true pixels are those of `find_galaxy`. Those found are, at the same threshold
    above the sky of the found image, the connected object that shares most of them.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.

    Returns:
        Pixels in both over pixels in either, in [0, 1]; NaN if the true layer is dark.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        Intersection over union: [Jaccard, 1912](https://doi.org/10.1111/j.1469-8137.1912.tb05611.x)
    """
    _, _, valid = checked(truth, prediction, valid)
    galaxy = find_galaxy(truth, valid)
    if galaxy is None:
        return math.nan
    light = (prediction - background_level(prediction, galaxy.background)).mean(axis=-1)
    labels, _ = objects_above(light, galaxy.threshold, valid)
    shared = np.bincount(labels[galaxy.footprint])
    shared[0] = 0
    if not shared.any():
        return 0.0
    found = labels == np.argmax(shared)
    return float((found & galaxy.footprint).sum() / (found | galaxy.footprint).sum())
