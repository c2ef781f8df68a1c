"""Model fitting: scarlet2."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from kdeblend.deblenders.packages import needed_by
from kdeblend.deblenders.peaks import find_peaks, first_guess, psf_width, smoothed_light
from kdeblend.deblenders.search import search
from kdeblend.deblenders.sky import sky_of, with_sky
from kdeblend.deblenders.sources import SourcesDeblender

MAX_SOURCES = 4
MOST_BLENDS = 24  # to fit on; a fit to each takes a good part of a second
LEAST = 1e-5


class Scarlet2Deblender(SourcesDeblender):
    """scarlet2: sources, each a spectrum times a shape free in every pixel, fitted to the blend.

    One source is in the middle, the others at the brightest peaks of light, four in
    all at most. Each begins as what is symmetric about its peak. The noise is that of
    the blend's sky, band by band. The point spread function is a Gaussian: that of the
    model 0.7 pixels wide, that of the blends `psf_sigma`, which `fit` estimates.

    The first blend of a size and number of sources takes seconds to compile.

    Attributes:
        threshold: A peak is a source from this many sigma above the sky on.
        steps: Steps of the optimiser.
        smoothness: Weight of the shapes' total variation, which stands in for a prior.
        conserve_flux: Whether the light of each pixel is shared among the sources as
            their models have it, so that they add up to the blend; else a source is
            its model.
        psf_sigma: Standard deviation of the point spread function in pixels, above 0.7.
        grid: What `fit` tries.

    Raises:
        ImportError: If `scarlet2` is not installed.

    Reference:
        [Melchior et al., 2018](https://doi.org/10.1016/j.ascom.2018.07.001);
        [scarlet2](https://github.com/pmelchior/scarlet2)
    """

    name = "scarlet2"
    parallel = True
    threshold: float = 5.0
    steps: int = 60
    smoothness: float = 10.0
    conserve_flux: bool = True
    psf_sigma: float = 1.0
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "conserve_flux": (True, False),
        "threshold": (3.0, 5.0, 10.0),
        "steps": (30, 60, 120),
        "smoothness": (0.0, 10.0, 100.0),
    }

    def __init__(self):
        with needed_by(self.name, "scarlet2"):
            import scarlet2  # noqa: F401

    def sources(self, blend: np.ndarray) -> np.ndarray:
        """Return the layers of all sources, `(k, height, width, bands)`, two at least."""
        sky, models = self.models(blend)
        if self.conserve_flux:
            models = np.maximum(models, LEAST)
            models = models / models.sum(axis=0) * (blend - sky)
        return with_sky(sky + models, blend)

    def models(self, blend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fit the sources of a blend.

        Args:
            blend: Array `(height, width, bands)`, float32 in [0, 1].

        Returns:
            The sky, `(bands,)`, and the models above it, `(k, height, width, bands)`.
        """
        from kdeblend.deblenders.scarlet2_model import fit_model

        sky, noise = sky_of(blend)
        light = smoothed_light(blend)
        peaks = find_peaks(light, self.threshold, MAX_SOURCES)
        shapes = np.stack([first_guess(light, peak) for peak in peaks])
        spectra = (blend - sky)[tuple(peaks.T)]
        return sky, fit_model(
            blend - sky, noise, spectra, shapes, self.psf_sigma, self.steps, self.smoothness
        )

    def settings(self) -> dict[str, Any]:
        """Return what `fit` chooses, beside the class."""
        chosen = (*self.grid, "psf_sigma")
        return super().settings() | {name: getattr(self, name) for name in chosen}

    def fit(self, blends: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        """Estimate the point spread function, then choose the rest by the PSNR on known blends.

        The point spread function comes from all blends, the rest from the first 24.

        Args:
            blends: Array `(n, height, width, bands)`, float32 in [0, 1].
            truth: Array `(n, 2, height, width, bands)` of the same units.

        Returns:
            The values chosen, by attribute.
        """
        before, self.psf_sigma = self.psf_sigma, psf_width(blends)
        try:
            chosen = search(self, self.grid, blends[:MOST_BLENDS], truth[:MOST_BLENDS])
        except BaseException:
            self.psf_sigma = before
            raise
        return {"psf_sigma": self.psf_sigma, **chosen}
