"""Pictures as users have them: softer, compressed, of one band."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kdeblend.io.images import from_float, to_float

SOFT, COMPRESSED, GREY = 0.5, 0.7, 0.15
"""Which share of the pictures that are degraded have each."""
BLUR = (0.3, 1.0)
QUALITY = (60, 95)
RANDOM_NUMBERS = 6
"""How many of them a degradation is drawn from."""


@dataclass(frozen=True)
class Degradation:
    """What has been done to a picture, in this order.

    The noise of single pixels tells which galaxy is in front; where it is lost, a network has to
    look at the galaxies themselves.

    Args:
        grey: Whether all bands are their mean.
        blur: Standard deviation of a Gaussian that it is smoothed by, in pixels; 0 leaves it.
        quality: Quality of the JPEG file that it was kept in, 1 to 100; 0 is none.
        subsampled: Whether that file has colours at half the resolution (4:2:0), as most have.

    Example:
        >>> Degradation(quality=75)(picture)
    """

    grey: bool = False
    blur: float = 0.0
    quality: int = 0
    subsampled: bool = True

    @classmethod
    def draw(cls, uniform: np.ndarray) -> "Degradation":
        """Turn random numbers into a degradation, in one of eight cases into none.

        Args:
            uniform: Array of 6 numbers in [0, 1).
        """
        grey, soft, blur, compressed, quality, subsampled = uniform.tolist()
        return cls(
            grey=grey < GREY,
            blur=BLUR[0] + (BLUR[1] - BLUR[0]) * blur if soft < SOFT else 0.0,
            quality=round(QUALITY[0] + (QUALITY[1] - QUALITY[0]) * quality)
            if compressed < COMPRESSED
            else 0,
            subsampled=subsampled < 0.5,
        )

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return a picture as it looks then.

        Args:
            picture: Array `(bands, height, width)`, float32 in [0, 1].

        Returns:
            Array of the same shape and units.
        """
        if self.grey:
            picture = np.broadcast_to(picture.mean(axis=0), picture.shape)
        if self.blur:
            picture = _smoothed(picture, self.blur)
        return self._compressed(picture) if self.quality else picture

    def _compressed(self, picture: np.ndarray) -> np.ndarray:
        levels = from_float(picture, np.uint8)
        if len(picture) == 3:
            levels = self._through_jpeg(levels.transpose(1, 2, 0)).transpose(2, 0, 1)
        else:
            levels = np.stack([self._through_jpeg(band) for band in levels])
        return to_float(levels)

    def _through_jpeg(self, levels: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        subsampling = 2 if self.subsampled else 0
        Image.fromarray(levels).save(file, "JPEG", quality=self.quality, subsampling=subsampling)
        return np.asarray(Image.open(file))


def _smoothed(picture: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(picture, (0, sigma, sigma), mode="nearest")
