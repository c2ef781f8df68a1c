"""Whether the two galaxies found give the blend again."""

import math

import numpy as np

from kdeblend.metrics.checks import checked
from kdeblend.metrics.context import Context


def flux_conservation(
    truth: np.ndarray,
    prediction: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    context: Context,
) -> float:
    """Return which share of the blend's light the two found galaxies fail to give.

    They are put together as the blend was, so that they should add up, or max up, to it:
    `sum |superposed - blend| / sum blend`, over all pixels and bands. It is the same for
    both galaxies of a blend.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1]; only its shape matters.
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.
        context: The blend, the other found galaxy, and how blends are put together.

    Returns:
        0 at best; NaN for a black blend, or if it is not known how it was put together.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        Deblended children that add up to their parent: [Bosch et al.,
        2018](https://doi.org/10.1093/pasj/psx080)
    """
    _, prediction, valid = checked(truth, prediction, valid)
    if context.superpose is None:
        return math.nan
    blend = context.blend.astype(np.float64)[valid]
    again = context.superpose(prediction, context.other_prediction)[valid]
    light = blend.sum()
    return float(np.abs(again - blend).sum() / light) if light > 0 else math.nan
