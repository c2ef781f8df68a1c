"""Showing a network images at the scale of its stamps, and giving the layers at that of the image.

A network knows galaxies of some size in pixels only. An image of galaxies much larger is made
smaller, answered, and the answer is enlarged again. The detail that this loses is on the image
still: it goes to the two layers in proportion to their light.

Images are never enlarged for a network: they would lack the grain that it knows, and came out worse
than as they were.
"""

import numpy as np
from skimage.transform import resize

from kdeblend.deblenders.deblender import MIN_SIDE
from kdeblend.deblenders.window import AnswerFunction

DARKEST = 1e-4  # below this share of the brightest, both layers get an equal part of the detail


def check_scale(scale: float) -> None:
    """Check a factor by which images are to be made smaller.

    Args:
        scale: The factor.

    Raises:
        ValueError: If it is not above 0 and at most 1.
    """
    if not 0 < scale <= 1:
        raise ValueError(f"`scale` must be above 0, at most 1. Received: scale={scale}")


def answer_scaled(answer: AnswerFunction, blends: np.ndarray, scale: float) -> np.ndarray:
    """Answer images at a smaller scale.

    Pixels are sampled bilinearly without any smoothing, as those of the training are, so that
    noise and sharpness are what a network knows.

    Args:
        answer: Function from blends `(n, height, width, bands)` to layers
            `(n, 2, height, width, bands)`.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        scale: Pixels that `answer` sees per pixel of the blends along each axis, at most 1.

    Returns:
        Layers `(n, 2, height, width, bands)` of the size of the blends.

    Raises:
        ValueError: If the resampled blends have fewer than 8 pixels a side.
    """
    if scale == 1:
        return answer(blends)
    shape = blends.shape[1:3]
    sides = tuple(round(side * scale) for side in shape)
    if min(sides) < MIN_SIDE:
        raise ValueError(
            f"images must have at least {MIN_SIDE} pixels a side after scaling. "
            f"Received: {shape[1]} x {shape[0]} pixels, scale={scale:g}"
        )
    seen = _resample(blends, sides)
    found = answer(seen)
    layers = np.stack([_resample(found[:, layer], shape) for layer in (0, 1)], axis=1)
    lost = blends - _resample(seen, shape)
    return layers + lost[:, None] * _shares(layers)


def _resample(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    resampled = [resize(each, shape, order=1, mode="edge", anti_aliasing=False) for each in images]
    return np.stack(resampled).astype(np.float32)


def _shares(layers: np.ndarray) -> np.ndarray:
    """Return how much of the light of each pixel and band is each layer's."""
    light = np.maximum(layers, DARKEST)
    return light / light.sum(axis=1, keepdims=True)
