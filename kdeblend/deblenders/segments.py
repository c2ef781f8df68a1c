"""Deblenders that cut an image into segments: each pixel's light is shared among them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy import ndimage

from kdeblend.deblenders.search import search
from kdeblend.deblenders.sky import NOISE_FLOOR, luminance, sky_of, sky_of_band, with_sky
from kdeblend.deblenders.sources import SourcesDeblender

MAX_SOURCES = 12


class SegmentDeblender(SourcesDeblender):
    """Base of deblenders that find segments: a subclass writes `segment`.

    Sources are sought on the mean of the bands. The light of a pixel is then
    shared among the segments; see `share_light`. Of more than twelve segments the
    twelve brightest stay. Where fewer than two are found, the layers left are sky.

    Attributes:
        threshold: A pixel is part of a source from this many sigma above the sky on.
        contrast: Share of the whole light that a part must have to be a source of its own.
        levels: Number of thresholds at which a source is looked at for parts.
        softness: Over how many pixels light changes hands at a border.
        grid: What `fit` tries for each of them.
    """

    parallel = True
    threshold: float = 3.0
    contrast: float = 0.005
    levels: int = 32
    softness: float = 2.0
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "contrast": (0.0005, 0.002, 0.005, 0.02, 0.05),
        "threshold": (1.5, 3.0, 5.0),
        "softness": (0.0, 1.0, 2.0, 4.0, 8.0),
        "levels": (16, 32, 64),
    }

    @abstractmethod
    def segment(self, light: np.ndarray, threshold: float) -> np.ndarray:
        """Cut an image into segments.

        Args:
            light: Array `(height, width)`, float64: mean of the bands above the sky.
            threshold: From where on light is a source's, in the units of `light`.

        Returns:
            Integer array `(height, width)`: 1 to k, and 0 where no source is.
        """

    def sources(self, blend: np.ndarray) -> np.ndarray:
        """Return the layers of all segments, `(k, height, width, bands)`, two at least."""
        grey = luminance(blend)
        level, noise = sky_of_band(grey)
        light = grey - level
        labels = brightest(self.segment(light, self.threshold * noise), light, MAX_SOURCES)
        return with_sky(share_light(blend, labels, self.softness), blend)

    def settings(self) -> dict[str, Any]:
        """Return what `fit` chooses, beside the class."""
        return super().settings() | {name: getattr(self, name) for name in self.grid}

    def fit(self, blends: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        """Choose threshold, contrast, levels and softness by the PSNR on known blends.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].
            truth: Array `(n, 2, height, width, bands)` of the same units.

        Returns:
            The values chosen, by attribute.
        """
        return search(self, self.grid, blends, truth)


def brightest(labels: np.ndarray, light: np.ndarray, count: int) -> np.ndarray:
    """Keep the brightest segments and number them 1 to k, the brightest first.

    Args:
        labels: Integer array `(height, width)`, 0 where no source is.
        light: Array of the same shape.
        count: How many to keep at most.
    """
    numbers = np.unique(labels[labels > 0])
    order = np.argsort(-ndimage.sum_labels(light, labels, numbers), kind="stable")
    renumbered = np.zeros(int(labels.max(initial=0)) + 1, int)
    renumbered[numbers[order][:count]] = 1 + np.arange(min(count, len(numbers)))
    return renumbered[labels]


def share_light(blend: np.ndarray, labels: np.ndarray, softness: float) -> np.ndarray:
    """Turn segments into layers by the share of each source in the light of each pixel.

    The light of a pixel above the sky is divided among the sources in proportion
    to their profiles there; each layer has the sky under its share, so that the
    light of all sources adds up to that of the blend. The profile of a source is
    its own segment of the image smoothed by a Gaussian, so that light changes
    hands gradually at borders. A pixel that no segment holds belongs to the one
    whose ellipse, from the moments of its light, it is nearest to, as in SExtractor.

    Args:
        blend: Array `(height, width, bands)` in [0, 1].
        labels: Integer array `(height, width)`: 1 to k, 0 where no source is.
        softness: Standard deviation of the Gaussian in pixels; 0 cuts hard.

    Returns:
        Array `(k, height, width, bands)` in the units of the blend.

    Reference:
        [Bertin & Arnouts, 1996](https://doi.org/10.1051/aas:1996164)
    """
    count = int(labels.max())
    if not count:
        return np.empty((0, *blend.shape))
    sky, _ = sky_of(blend)
    light = np.maximum(luminance(blend) - sky.mean(), NOISE_FLOOR)
    owners = _grown(light, labels)
    profiles = np.stack([np.where(owners == k, light, 0) for k in range(1, count + 1)])
    if softness > 0:
        profiles = ndimage.gaussian_filter(profiles, (0, softness, softness), mode="nearest")
    shares = profiles / profiles.sum(axis=0)
    return sky + shares[..., None] * (blend - sky)


def _grown(light: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each pixel without a source to the one with the nearest ellipse."""
    distances = np.stack([_distance(light, labels == k) for k in range(1, labels.max() + 1)])
    return np.where(labels > 0, labels, 1 + distances.argmin(axis=0))


def _distance(light: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Return each pixel's distance from a segment's centre, in units of its ellipse."""
    pixels = np.array(np.nonzero(segment))
    weights = light[segment]
    centre = np.average(pixels, axis=1, weights=weights)
    offsets = pixels - centre[:, None]
    covariance = (weights * offsets) @ offsets.T / weights.sum() + np.eye(2) / 12
    grid = np.indices(segment.shape) - centre[:, None, None]
    return np.einsum("iyx,ij,jyx->yx", grid, np.linalg.inv(covariance), grid)
