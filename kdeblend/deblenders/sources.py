"""Deblenders that find any number of sources, and which of these are the true galaxies."""

from abc import abstractmethod

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.sky import sky_of


class SourcesDeblender(Deblender):
    """Base of deblenders that find any number of sources: a subclass writes `sources`.

    Users get two layers: the source nearest to the middle as the central galaxy, and
    the brightest one of the rest as the other. `kdeblend score`, which knows the truth,
    matches the sources to it instead.

    Example:
        >>> class Sides(SourcesDeblender):
        ...     name = "sides"
        ...
        ...     def sources(self, blend):
        ...         middle = blend.shape[1] // 2
        ...         left, right = blend.copy(), blend.copy()
        ...         left[:, middle:], right[:, :middle] = 0, 0
        ...         return np.stack([left, right])
    """

    one_by_one = True

    @abstractmethod
    def sources(self, blend: np.ndarray) -> np.ndarray:
        """Find the sources on one blend.

        Args:
            blend: Array `(height, width, bands)`, float32 in [0, 1].

        Returns:
            Array `(k, height, width, bands)` in [0, 1], each source alone; `k` may be
            any number, 0 too.
        """

    def checked_sources(self, blend: np.ndarray) -> np.ndarray:
        """Return what `sources` finds, cut to [0, 1], float32.

        Args:
            blend: Array `(height, width, bands)`, float32 in [0, 1].

        Raises:
            ValueError: If `sources` gives a wrong shape, NaN or infinity.
        """
        found = np.asarray(self.sources(blend), np.float32)
        if found.ndim != 4 or found.shape[1:] != blend.shape:
            raise ValueError(
                f"deblender {self.name} must return sources of shape (k, *{blend.shape}). "
                f"Received: {found.shape}"
            )
        if not np.isfinite(found).all():
            raise ValueError(
                f"deblender {self.name} must return finite sources. Received: NaN or infinity"
            )
        return np.clip(found, 0, 1)

    def find(self, blends: np.ndarray) -> list[np.ndarray]:
        """Return the sources on each blend.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].

        Returns:
            An array as `sources` returns it for each blend.
        """
        return [self.checked_sources(blend) for blend in blends]

    def match(self, found: list[np.ndarray], truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """Return the sources that fit the true galaxies best; see `match_sources`.

        Args:
            found: The sources on each of `n` blends.
            truth: Array `(n, 2, height, width, bands)`.
            valid: Boolean array `(n, height, width)`, True where a pixel counts.

        Returns:
            Array of the shape of `truth`.
        """
        return np.stack([match_sources(*each) for each in zip(found, truth, valid, strict=True)])

    def surroundings(self, image: np.ndarray) -> np.ndarray:
        """Return the sky of each band, so that a border of it changes no measurement of the sky."""
        return sky_of(image)[0]

    def deblend_batch(self, blends: np.ndarray) -> np.ndarray:
        """Return the central source and the brightest other one of each blend.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].

        Returns:
            Array `(n, 2, height, width, bands)`; a layer without a source is black.
        """
        return np.stack([pick_layers(self.checked_sources(blend)) for blend in blends])


def pick_layers(sources: np.ndarray) -> np.ndarray:
    """Pick two layers of any number of sources without knowing the truth.

    The sky that a source's layer may have is the median of each band, and is no
    light of the source.

    Args:
        sources: Array `(k, height, width, bands)`, not negative.

    Returns:
        Array `(2, height, width, bands)`: the source whose centre of light is nearest
        to the middle of the image, and the brightest one of the others. Without a
        source, a layer is black.
    """
    layers = np.zeros((2, *sources.shape[1:]), np.float32)
    if len(sources):
        sky = np.median(sources, axis=(1, 2), keepdims=True)
        light = np.maximum(sources - sky, 0).sum(axis=-1, dtype=np.float64)
        central = np.argmin(_distances(light))
        layers[0] = sources[central]
        if len(sources) > 1:
            totals = light.sum(axis=(1, 2))
            totals[central] = -1
            layers[1] = sources[np.argmax(totals)]
    return layers


def _distances(light: np.ndarray) -> np.ndarray:
    """Return how far each source's centre of light is from the middle, in pixels."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in light.shape[1:])
    total = light.sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        rows, columns = light.sum(axis=2) @ y / total, light.sum(axis=1) @ x / total
    return np.where(total > 0, np.hypot(rows, columns), np.inf)


def match_sources(sources: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Give each true layer the source that fits it best.

    No source is given twice; of all ways to do that, the one with the least mean squared
    error is taken (Hungarian algorithm). Where there are too few sources, a layer is black.

    Args:
        sources: Array `(k, height, width, bands)`.
        truth: Array `(2, height, width, bands)` of the same units.
        valid: Boolean array `(height, width)`, True where a pixel counts.

    Returns:
        Array of the shape of `truth`, float32.

    Reference:
        [Kuhn, 1955](https://doi.org/10.1002/nav.3800020109)
    """
    from scipy.optimize import linear_sum_assignment

    missing = np.zeros((max(0, len(truth) - len(sources)), *truth.shape[1:]), np.float32)
    candidates = np.concatenate([sources, missing])
    errors = [
        [np.mean(np.square(candidate - layer)[valid]) for candidate in candidates]
        for layer in truth
    ]
    layers, chosen = linear_sum_assignment(errors)
    return candidates[chosen[np.argsort(layers)]]
