"""How blended a galaxy is, and how wrong a deblender is about it."""

import math

import numpy as np

from kdeblend.metrics.checks import checked
from kdeblend.metrics.context import Context
from kdeblend.metrics.galaxy import background_level, find_galaxy


def blendedness_error(
    truth: np.ndarray,
    prediction: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    context: Context,
) -> float:
    """Return how much more blended the galaxy seems than it is; negative if less.

    The blendedness of a galaxy s in a blend b is `1 - (s . s) / (b . s)`, with dot products
    over all pixels and bands, each image above its sky where neither galaxy is: 0 for a galaxy
    that is alone. It is computed once with the true and once with the found galaxy.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.
        context: The blend.

    Returns:
        The difference; NaN if the true layer is dark, or a product is not positive.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        [Sanchez et al., 2021](https://doi.org/10.1088/1475-7516/2021/07/043)
    """
    _, _, valid = checked(truth, prediction, valid)
    galaxy = find_galaxy(truth, valid)
    if galaxy is None:
        return math.nan
    other = find_galaxy(context.other_truth, valid)
    around_both = galaxy.background & (other.background if other else True)
    background = around_both if around_both.any() else galaxy.background
    blend, true_light, light = (
        (image.astype(np.float64) - background_level(image, background))[valid]
        for image in (context.blend, truth, prediction)
    )
    return _blendedness(light, blend) - _blendedness(true_light, blend)


def _blendedness(galaxy: np.ndarray, blend: np.ndarray) -> float:
    product = float((blend * galaxy).sum())
    return 1 - float(np.square(galaxy).sum()) / product if product > 0 else math.nan
