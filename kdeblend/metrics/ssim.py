"""Structural similarity, with both data ranges that the literature quotes."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kdeblend.metrics.checks import checked

WINDOW = 7


def ssim(truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the structural similarity for a data range of 1, the range of the images.

    scikit-image's definition: windows of 7 x 7 pixels of equal weight,
    K1 = 0.01, K2 = 0.03, the mean over bands and over the pixels whose window
    lies inside the image. With a mask only windows without an invalid pixel
    count, so that what is in those pixels has no influence.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1], 7 pixels a side or more.
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`; only where it is True pixels
            count. Without it all do.

    Returns:
        A number in [-1, 1]; 1 for equal images; NaN where no whole window is valid.

    Raises:
        ValueError: If shapes do not fit, or no pixel counts.

    Reference:
        [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)
    """
    return _ssim(truth, prediction, valid, data_range=1.0)


def ssim_range2(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return the structural similarity for a data range of 2, as the paper quotes it.

    The images are in [0, 1] all the same: scikit-image took a range of 2 for
    floats when the paper was written. Else this is `ssim`, with the same
    arguments, result and errors.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), table 1
    """
    return _ssim(truth, prediction, valid, data_range=2.0)


def _ssim(truth, prediction, valid, data_range):
    from skimage.metrics import structural_similarity

    truth, prediction, valid = checked(truth, prediction, valid)
    _, similarity = structural_similarity(
        truth, prediction, data_range=data_range, channel_axis=-1, win_size=WINDOW, full=True
    )
    whole = sliding_window_view(valid, (WINDOW, WINDOW)).all(axis=(-2, -1))
    edge = WINDOW // 2
    similarities = similarity[edge:-edge, edge:-edge][whole]
    return float(similarities.mean()) if len(similarities) else math.nan
