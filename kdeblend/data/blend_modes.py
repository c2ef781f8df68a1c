"""How the light of two galaxies is put onto one image."""

import numpy as np

from kdeblend.plugins import Registry

BLEND_MODES = Registry(
    "kdeblend.blend_modes",
    "blend mode",
    {
        "max": "kdeblend.data.blend_modes:blend_max",
        "sum": "kdeblend.data.blend_modes:blend_sum",
        "mixed": "kdeblend.data.blend_modes:blend_mixed",
    },
)

FAINT = 0.05
BRIGHT = 0.7


def blend_max(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Take the brighter galaxy at each pixel and band, as the paper does.

    Args:
        first: Array of any shape, float32 in [0, 1].
        second: Array of the same shape and units.

    Returns:
        Array of the same shape, float32 in [0, 1].

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.3
    """
    return np.maximum(first, second)


def blend_sum(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Add the galaxies, saturating at 1.

    Args:
        first: Array of any shape, float32 in [0, 1].
        second: Array of the same shape and units.

    Returns:
        Array of the same shape, float32 in [0, 1].
    """
    return np.minimum(first + second, 1)


def blend_mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Add the galaxies where both are faint, take the brighter where either is bright.

    In between, the fainter one is added with a weight that falls smoothly from 1, where the
    brighter one is below 0.05, to 0, where it is above 0.7. With these limits a blend never
    gets darker when a galaxy gets brighter.

    Args:
        first: Array of any shape, float32 in [0, 1].
        second: Array of the same shape and units.

    Returns:
        Array of the same shape, float32 in [0, 1].

    Reference:
        Proposed in [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 5
    """
    brighter = np.maximum(first, second)
    ramp = np.clip((BRIGHT - brighter) / (BRIGHT - FAINT), 0, 1)
    weight = ramp * ramp * (3 - 2 * ramp)
    return brighter + weight * np.minimum(first, second)
