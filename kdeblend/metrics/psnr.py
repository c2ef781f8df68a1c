"""Peak signal-to-noise ratio."""

import math

import numpy as np

from kdeblend.metrics.checks import checked
from kdeblend.metrics.context import Context
from kdeblend.metrics.galaxy import hidden_pixels

LEAST_PIXELS = 10


def psnr(truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB, for a peak of 1.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.

    Returns:
        `10 log10(1 / MSE)`; infinity for equal images.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Example:
        >>> round(psnr(np.zeros((8, 8, 3)), np.full((8, 8, 3), 0.1)), 6)
        20.0
    """
    from skimage.metrics import peak_signal_noise_ratio

    truth, prediction, valid = checked(truth, prediction, valid)
    truth, prediction = truth[valid], prediction[valid]
    if np.array_equal(truth, prediction):
        return math.inf
    return float(peak_signal_noise_ratio(truth, prediction, data_range=1.0))


def psnr_visible(
    truth: np.ndarray,
    prediction: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    context: Context,
) -> float:
    """Return the peak signal-to-noise ratio where nothing covers this galaxy's image.

    As `psnr`, over the pixels that are not `hidden_pixels`.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.
        context: The other galaxy.

    Returns:
        Decibels; infinity for equal images; NaN for fewer than ten such pixels.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        None; a split of PSNR that this project proposes.
    """
    _, _, valid = checked(truth, prediction, valid)
    hidden = hidden_pixels(truth, context.other_truth, valid)
    return _psnr_where(truth, prediction, valid & ~hidden)


def psnr_hidden(
    truth: np.ndarray,
    prediction: np.ndarray,
    valid: np.ndarray | None = None,
    *,
    context: Context,
) -> float:
    """Return the peak signal-to-noise ratio where the other galaxy covers this one's image.

    As `psnr`, over the `hidden_pixels` alone: what deblending must make up. Arguments,
    errors and reference are those of `psnr_visible`.

    Returns:
        Decibels; infinity for equal images; NaN if fewer than ten pixels are hidden.
    """
    _, _, valid = checked(truth, prediction, valid)
    hidden = hidden_pixels(truth, context.other_truth, valid)
    return _psnr_where(truth, prediction, valid & hidden)


def _psnr_where(truth, prediction, where):
    enough = np.count_nonzero(where) >= LEAST_PIXELS
    return psnr(truth, prediction, where) if enough else math.nan
