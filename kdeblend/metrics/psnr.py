"""Peak signal-to-noise ratio."""

import math

import numpy as np

from kdeblend.metrics.checks import checked


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
        >>> psnr(np.zeros((8, 8, 3)), np.full((8, 8, 3), 0.1))
        20.0
    """
    from skimage.metrics import peak_signal_noise_ratio

    truth, prediction, valid = checked(truth, prediction, valid)
    if valid is not None:
        truth, prediction = truth[valid], prediction[valid]
    if np.array_equal(truth, prediction):
        return math.inf
    return float(peak_signal_noise_ratio(truth, prediction, data_range=1.0))
