"""How the light of two galaxies is put onto one image."""

from collections.abc import Callable

import numpy as np

from kdeblend.plugins import Registry

BlendMode = Callable[[np.ndarray, np.ndarray], np.ndarray]

BLEND_MODES = Registry(
    "kdeblend.blend_modes",
    "blend mode",
    {
        "max": "kdeblend.data.blend_modes:blend_max",
        "sum": "kdeblend.data.blend_modes:blend_sum",
        "mixed": "kdeblend.data.blend_modes:blend_mixed",
        "lupton": "kdeblend.data.blend_modes:blend_lupton",
    },
)

TOLERANCE = 1e-5
FAINT = 0.05
BRIGHT = 0.7
SOFTENING = 10 * np.arcsinh(np.float32(0.8))
"""Of the stretch with Q = 8, at which white is asinh(Q / 10) / 0.1."""
EDGE = 4
"""Of how much of the sky a pixel counts as one that the picture reaches: one part in four."""


def superpose(blend_mode: BlendMode, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Put two galaxies onto one image by a function that may be of another package.

    Args:
        blend_mode: Function from two images to their blend.
        first: Picture `(height, width, bands)`, floats in [0, 1].
        second: Array of the same shape and units.

    Returns:
        Array of the same shape, in [0, 1].

    Raises:
        ValueError: If the function writes into the images, or gives something else.
    """
    first, second = first.view(), second.view()
    first.flags.writeable = second.flags.writeable = False
    blend = blend_mode(first, second)
    low, high = (blend.min(), blend.max()) if blend.size else (0, 0)
    if blend.shape != first.shape or not (low >= -TOLERANCE and high <= 1 + TOLERANCE):
        raise ValueError(
            f"a blend mode must give images in [0, 1] of the galaxies' shape, {first.shape}. "
            f"Received: {blend.shape}, {low:g} to {high:g}"
        )
    return blend


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


def blend_lupton(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Add the light of two pictures with a stretch by the inverse hyperbolic sine, as on the sky.

    The stretch is taken off the mean of the bands, which keeps colours, and put on again after
    the sum. The darker of the two skies is taken off where both pictures reach, so that the sky is
    there once. A pixel that is brighter than 1 in some band is dimmed to 1 with its colour.

    Args:
        first: Picture `(height, width, bands)`, float32 in [0, 1]; black is beyond its edge.
        second: Array of the same shape and units.

    Returns:
        Array of the same shape, float32 in [0, 1].

    Reference:
        [Lupton et al., 2004](https://arxiv.org/abs/astro-ph/0312483)
    """
    lights = _unstretched(first), _unstretched(second)
    sky = np.minimum(*map(_sky, lights))
    fainter = np.minimum(*(light.mean(axis=-1, keepdims=True) for light in lights))
    reached = np.clip(EDGE * fainter / np.where(sky.any(), sky.mean(), 1), 0, 1)
    return _stretched(np.maximum(lights[0] + lights[1] - reached * sky, 0))


def _unstretched(picture: np.ndarray) -> np.ndarray:
    return _with_mean(lambda mean: np.sinh(SOFTENING * mean), picture)


def _stretched(light: np.ndarray) -> np.ndarray:
    picture = _with_mean(lambda mean: np.arcsinh(mean) / SOFTENING, light)
    return picture / np.maximum(picture.max(axis=-1, keepdims=True), 1)


def _with_mean(curve: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Put the mean of the bands of an image `(..., bands)` through a curve; colours stay."""
    mean = image.mean(axis=-1, keepdims=True)
    return image * (curve(mean) / np.where(mean > 0, mean, 1))


def _sky(light: np.ndarray) -> np.ndarray:
    """Return the level of each band, `(bands,)`, that a third of what is not black is below."""
    lit = light[light.any(axis=-1)]
    return np.quantile(lit, 1 / 3, axis=0) if len(lit) else np.zeros(light.shape[-1], light.dtype)
