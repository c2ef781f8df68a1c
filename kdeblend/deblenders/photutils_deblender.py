"""The deblending of `photutils`: many thresholds, then a watershed."""

import warnings

import numpy as np
from scipy import ndimage

from kdeblend.deblenders.packages import needed_by
from kdeblend.deblenders.segments import SegmentDeblender

MIN_PIXELS = 5
SMOOTHING = 1.0


class PhotutilsDeblender(SegmentDeblender):
    """The deblending of photutils, `deblend_sources`.

    Parts are found at `levels` thresholds as SExtractor does, on the image
    smoothed by a Gaussian of one pixel; a watershed draws the border between them.

    Raises:
        ImportError: If `photutils` is not installed.

    Reference:
        [photutils](https://doi.org/10.5281/zenodo.596036), `photutils.segmentation`
    """

    name = "photutils"

    def __init__(self):
        with needed_by(self.name, "photutils"):
            import photutils  # noqa: F401

    def segment(self, light: np.ndarray, threshold: float) -> np.ndarray:
        """Cut an image `(height, width)` into segments."""
        from photutils.segmentation import deblend_sources, detect_sources
        from photutils.utils.exceptions import NoDetectionsWarning

        smooth = ndimage.gaussian_filter(light, SMOOTHING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NoDetectionsWarning)
            found = detect_sources(smooth, threshold, MIN_PIXELS)
        if found is None:
            return np.zeros(light.shape, int)
        return deblend_sources(
            smooth,
            found,
            MIN_PIXELS,
            n_levels=self.levels,
            contrast=self.contrast,
            progress_bar=False,
        ).data
