"""Averaging a network's answers over flips and turns of the image, which the sky does not know."""

from collections.abc import Callable

import numpy as np

ORDER = ((0, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1), (1, 0, 0), (1, 1, 1), (1, 1, 0), (1, 0, 1))
"""Transposed, upside down, mirrored: as is, half a turn, both flips, and the same transposed."""
COUNTS = (1, 2, 4, 8)
"""How many of them can be averaged, from the first on."""


def average_orientations(
    answer: Callable[[np.ndarray], np.ndarray], blends: np.ndarray, count: int
) -> np.ndarray:
    """Average answers to flipped and turned blends, each put back as the blend was.

    Args:
        answer: Function from blends `(n, height, width, bands)` to layers
            `(n, 2, height, width, bands)`.
        blends: Array `(n, height, width, bands)`.
        count: Number of orientations: 1, 2, 4 or 8.

    Returns:
        Layers `(n, 2, height, width, bands)`.
    """
    total = _back(answer(blends), ORDER[0])
    for orientation in ORDER[1:count]:
        total = total + _back(answer(_turned(blends, orientation)), orientation)
    return total / count


def _turned(images: np.ndarray, orientation: tuple[int, int, int]) -> np.ndarray:
    """Transpose and flip images `(..., height, width, bands)`."""
    transposed, upside_down, mirrored = orientation
    images = images.swapaxes(-3, -2) if transposed else images
    images = images[..., ::-1, :, :] if upside_down else images
    return np.ascontiguousarray(images[..., ::-1, :] if mirrored else images)


def _back(images: np.ndarray, orientation: tuple[int, int, int]) -> np.ndarray:
    """Undo what `_turned` does."""
    transposed, upside_down, mirrored = orientation
    images = images[..., ::-1, :] if mirrored else images
    images = images[..., ::-1, :, :] if upside_down else images
    return images.swapaxes(-3, -2) if transposed else images
