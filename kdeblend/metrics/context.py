"""What a metric may know beyond the two images of one galaxy."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Context:
    """The blend that a galaxy is part of.

    Args:
        blend: Array `(height, width, bands)`, floats in [0, 1].
        other_truth: The other true galaxy, of the same shape and units.
        other_prediction: What was found of the other galaxy.
        superpose: How the galaxy and the other one become a blend, a function of their images in
            this order, or None if it is not known.
    """

    blend: np.ndarray
    other_truth: np.ndarray
    other_prediction: np.ndarray
    superpose: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
