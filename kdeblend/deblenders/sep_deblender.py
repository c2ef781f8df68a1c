"""SExtractor's deblending, by the package `sep`."""

import numpy as np

from kdeblend.deblenders.packages import needed_by
from kdeblend.deblenders.segments import SegmentDeblender

MIN_PIXELS = 5


class SepDeblender(SegmentDeblender):
    """SExtractor's deblending at many thresholds.

    A source is looked at at `levels` thresholds, and cut where parts have more
    than `contrast` of its light.

    Raises:
        ImportError: If `sep` is not installed.

    Reference:
        [Bertin & Arnouts, 1996](https://doi.org/10.1051/aas:1996164);
        [Barbary, 2016](https://doi.org/10.21105/joss.00058)
    """

    name = "sep"

    def __init__(self):
        with needed_by(self.name, "sep"):
            import sep  # noqa: F401

    def segment(self, light: np.ndarray, threshold: float) -> np.ndarray:
        """Cut an image `(height, width)` into segments."""
        import sep

        _, labels = sep.extract(
            light,
            threshold,
            minarea=MIN_PIXELS,
            deblend_nthresh=self.levels,
            deblend_cont=self.contrast,
            segmentation_map=True,
        )
        return labels
