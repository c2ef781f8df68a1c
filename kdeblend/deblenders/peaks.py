"""Peaks of light: where the sources of a blend are, and a first guess of each."""

import numpy as np
from scipy import ndimage

from kdeblend.deblenders.sky import luminance, sky_of_band

SMOOTHING = 1.5
REACH = 4
SHARP_PERCENTILE = 10
WIDTHS = (0.8, 3.0)


def find_peaks(light: np.ndarray, threshold: float, count: int) -> np.ndarray:
    """Find the peaks of an image, the one nearest to its middle first.

    There always is a first one: the brightest pixel of the 8 x 8 in the middle.

    Args:
        light: Array `(height, width)` above the sky.
        threshold: How many sigma of the sky a peak is above it at least.
        count: How many peaks to return at most; the brightest stay.

    Returns:
        Integer array `(k, 2)`, rows and columns.
    """
    from skimage.feature import peak_local_max

    _, noise = sky_of_band(light)
    corner = np.array(light.shape) // 2 - REACH
    (top, left), side = corner, 2 * REACH
    middle = light[top : top + side, left : left + side]
    central = corner + np.unravel_index(middle.argmax(), middle.shape)
    peaks = peak_local_max(
        light, min_distance=REACH - 1, threshold_abs=threshold * noise, exclude_border=False
    )
    others = peaks[np.hypot(*(peaks - central).T) > REACH]
    return np.concatenate([central[None], others])[:count]


def first_guess(light: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Guess a source's shape: what is symmetric about its peak.

    Args:
        light: Array `(height, width)` above the sky.
        peak: Row and column.

    Returns:
        Array of the shape of `light`: the smaller one of each pixel and of that on
        the other side of the peak, in units of the peak, in [0, 1].

    Reference:
        [Melchior et al., 2018](https://doi.org/10.1016/j.ascom.2018.07.001)
    """
    mirrored = 2 * np.reshape(peak, (2, 1, 1)) - np.indices(light.shape)
    other_side = ndimage.map_coordinates(light, mirrored, order=0, cval=0.0)
    height = max(light[tuple(peak)], np.finfo(float).tiny)
    return np.clip(np.minimum(light, other_side) / height, 0, 1)


def smoothed_light(blend: np.ndarray) -> np.ndarray:
    """Return the mean over the bands above the sky, smoothed, on which peaks are sought."""
    grey = luminance(blend)
    level, _ = sky_of_band(grey)
    return ndimage.gaussian_filter(grey - level, SMOOTHING)


def psf_width(blends: np.ndarray) -> float:
    """Estimate the width of the point spread function from the sharpest peaks.

    No source can be sharper than the point spread function, so it is as wide as
    the sharpest peaks are: the tenth percentile of the widths of all peaks more
    than 10 sigma above the sky that are not saturated. The width of a peak is that
    of the Gaussian with its curvature, geometric mean over rows and columns.

    Args:
        blends: Array `(n, height, width, bands)` in [0, 1].

    Returns:
        Standard deviation in pixels, between 0.8 and 3, in steps of 0.05; 1 if
        there are no such peaks.
    """
    widths = [width for blend in blends for width in _widths(luminance(blend))]
    width = float(np.percentile(widths, SHARP_PERCENTILE)) if widths else 1.0
    return round(float(np.clip(width, *WIDTHS)) * 20) / 20


def _widths(grey: np.ndarray) -> list[float]:
    from skimage.feature import peak_local_max

    sky, noise = sky_of_band(grey)
    light = np.log(np.maximum(grey - sky, noise))
    peaks = peak_local_max(grey, min_distance=2, threshold_abs=sky + 10 * noise, exclude_border=2)
    rows, columns = peaks[grey[tuple(peaks.T)] < 0.9].T
    centre = 2 * light[rows, columns]
    vertical = centre - light[rows - 1, columns] - light[rows + 1, columns]
    horizontal = centre - light[rows, columns - 1] - light[rows, columns + 1]
    return list(np.maximum(vertical * horizontal, 1e-6) ** -0.25)
