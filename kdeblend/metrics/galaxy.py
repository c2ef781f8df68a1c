"""Where the galaxy of a true layer is, and what is sky."""

from dataclasses import dataclass

import numpy as np

from kdeblend.metrics.checks import counted
from kdeblend.metrics.remember import remember

FAINTEST = 0.02
THRESHOLD = 1.5
MARGIN = 3
_CLIP = 3.0
_TO_SIGMA = 1.4826  # from the median absolute deviation to sigma, for normal noise


@dataclass(frozen=True)
class Galaxy:
    """The brightest object of a layer.

    Args:
        footprint: Boolean array `(height, width)`, the pixels of the galaxy.
        background: Boolean array `(height, width)`, the pixels that show the sky.
        sky: Array `(bands,)`, the brightness of the sky.
        threshold: By how much the mean over bands is above the sky at the galaxy's edge.
        centre: Row and column of the centre of light, in pixels.
        covariance: Second moments of the light, an array 2 x 2 in pixels squared.
        flux: Array `(bands,)`, the light of the footprint above the sky.
    """

    footprint: np.ndarray
    background: np.ndarray
    sky: np.ndarray
    threshold: float
    centre: np.ndarray
    covariance: np.ndarray
    flux: np.ndarray

    @property
    def size(self) -> float:
        """Geometric mean of the two axes of the second moments (1 sigma), in pixels."""
        return float(np.linalg.det(self.covariance) ** 0.25)


@remember
def find_galaxy(truth: np.ndarray, valid: np.ndarray | None = None) -> Galaxy | None:
    """Find the galaxy of a true layer.

    The mean over bands, smoothed by a Gaussian of 1 pixel, is cut at 1.5 sigma above the
    sky, and by 0.02 at least; of the connected pixels above it, those with the most light
    are the galaxy. The sky is the median and its noise the median absolute deviation after
    clipping at 3 sigma. Pixels that are black in all bands, such as those beyond the edge
    of a moved image, show no sky, unless nothing is above what the others show.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        valid: Boolean array `(height, width)`, True where a pixel counts, or None.

    Returns:
        The galaxy, or None if no pixel is above the threshold.

    Reference:
        [Bertin & Arnouts, 1996](https://doi.org/10.1051/aas:1996164)
    """
    valid = counted(truth, valid)
    truth = truth.astype(np.float64)
    lit = valid & (truth > 0).any(axis=-1)
    for shown in (lit, valid):  # the sky may be black itself
        galaxy = _find(truth, shown, valid) if shown.any() else None
        if galaxy is not None:
            return galaxy
    return None


def _find(truth: np.ndarray, shown: np.ndarray, valid: np.ndarray) -> Galaxy | None:
    """Find the galaxy, where `shown` are the pixels that may show sky."""
    from scipy.ndimage import binary_dilation

    grey = truth.mean(axis=-1)
    level, noise = _clipped(grey[shown])
    threshold = max(THRESHOLD * noise, FAINTEST)
    footprint = brightest_object(grey - level, threshold, valid)
    if footprint is None:
        return None
    background = shown & ~binary_dilation(footprint, iterations=MARGIN)
    sky = background_level(truth, background)
    return Galaxy(footprint, background, sky, threshold, *_moments(truth - sky, footprint))


def background_level(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the median of an image over the background, `(bands,)`; 0 if there is none.

    Args:
        image: Array `(height, width, bands)`.
        background: Boolean array `(height, width)`.
    """
    if not background.any():
        return np.zeros(image.shape[-1])
    return np.median(image[background].astype(np.float64), axis=0)


def objects_above(light: np.ndarray, threshold: float, valid: np.ndarray) -> tuple[np.ndarray, int]:
    """Label the connected pixels above a threshold, diagonal neighbours included.

    Args:
        light: Array `(height, width)`, above the sky.
        threshold: What the light, smoothed by a Gaussian of 1 pixel, must exceed.
        valid: Boolean array `(height, width)`; what is False belongs to no object.

    Returns:
        Labels `(height, width)`, from 1 on and 0 elsewhere, and their number.
    """
    from scipy.ndimage import gaussian_filter, label

    smooth = gaussian_filter(np.where(valid, light, 0), 1, mode="nearest")
    return label((smooth > threshold) & valid, np.ones((3, 3)))


def brightest_object(light: np.ndarray, threshold: float, valid: np.ndarray) -> np.ndarray | None:
    """Return the pixels of the object with the most light, or None if there is no object.

    Args:
        light: Array `(height, width)`, above the sky.
        threshold: See `objects_above`.
        valid: Boolean array `(height, width)`.
    """
    labels, count = objects_above(light, threshold, valid)
    if not count:
        return None
    brightness = np.bincount(labels.ravel(), light.ravel(), count + 1)
    return labels == 1 + np.argmax(brightness[1:])


def hidden_pixels(
    truth: np.ndarray, other: np.ndarray, valid: np.ndarray | None = None
) -> np.ndarray:
    """Return which pixels of a layer the galaxy of the other layer hides.

    Those of the other galaxy's footprint where the other layer, summed over bands, is the
    brighter one.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        other: The other true layer, of the same shape and units.
        valid: Boolean array `(height, width)`, True where a pixel counts, or None.

    Returns:
        Boolean array `(height, width)`.
    """
    galaxy = find_galaxy(other, valid)
    if galaxy is None:
        return np.zeros(truth.shape[:2], bool)
    return galaxy.footprint & (other.sum(axis=-1) > truth.sum(axis=-1))


def _clipped(values: np.ndarray) -> tuple[float, float]:
    """Return median and noise of values without the outliers."""
    while True:
        level = float(np.median(values))
        noise = _TO_SIGMA * float(np.median(np.abs(values - level)))
        kept = values[np.abs(values - level) <= _CLIP * noise]
        if len(kept) == len(values) or noise == 0:
            return level, noise
        values = kept


def _moments(light: np.ndarray, footprint: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, covariance and flux by band of the light in a footprint.

    A twelfth, the variance of a square pixel, keeps the covariance of a line positive.
    """
    weights = np.clip(light[footprint].sum(axis=-1), 1e-9, None)
    places = np.argwhere(footprint).astype(np.float64)
    centre = np.average(places, axis=0, weights=weights)
    offsets = places - centre
    covariance = (offsets * weights[:, None]).T @ offsets / weights.sum() + np.eye(2) / 12
    return centre, covariance, light[footprint].sum(axis=0)
