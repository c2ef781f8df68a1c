"""From the two images of a network to the layers of a blend."""

from collections.abc import Sequence

import numpy as np


def layers_of(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return two images as networks see and give them as layers.

    Args:
        images: The central galaxy and the other one, arrays `(n, height, width, bands)` in [-1, 1].

    Returns:
        Array `(n, 2, height, width, bands)`, float32 in [0, 1].
    """
    return (np.stack([np.asarray(image, np.float32) for image in images], axis=1) + 1) / 2
