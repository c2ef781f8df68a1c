"""The deblender that does nothing: what any other must be better than."""

import numpy as np

from kdeblend.deblenders.deblender import Deblender


class IdentityDeblender(Deblender):
    """Returns the blend itself as both galaxies."""

    name = "identity"

    def deblend_batch(self, blends: np.ndarray) -> np.ndarray:
        """Return each blend twice, `(n, 2, height, width, bands)`."""
        return np.stack([blends, blends], axis=1)
