"""Showing a network images of any size as it has seen its stamps: as large, and as placed.

A network of several scales answers best where the middle of the image lies in the grids of its
coarser scales as it did in training, and a network that has only seen stamps takes whatever is far
from the middle of a large image for part of the central galaxy.
"""

from collections.abc import Callable

import numpy as np

from kdeblend.deblenders.consistency import make_consistent
from kdeblend.deblenders.sky import sky_of

GRID = 16  # pixels; a multiple of the steps of the usual coarser scales, twice over
BLACK_SKY = 1 / 3  # a square footprint turned by 45 degrees fills half of a larger one
MARGIN = 8  # pixels around a stamp that a network is shown as well; its answer fades out on them

AnswerFunction = Callable[[np.ndarray], np.ndarray]


def reach(stamp_size: int, scale: float = 1) -> int:
    """Return the side in pixels of the middle of an image that `deblend_middle` deblends.

    Args:
        stamp_size: Side in pixels of the stamps that a network has learnt from.
        scale: Pixels that the network sees per pixel of the image along each axis.
    """
    return round((stamp_size + 2 * MARGIN) / scale)


def deblend_middle(
    answer: AnswerFunction, blends: np.ndarray, stamp_size: int, blend_mode: str, scale: float = 1
) -> np.ndarray:
    """Deblend the middle of each image; what lies around it belongs to the second layer.

    The middle is what a network sees as a stamp and `MARGIN` more on each side. Around it the
    first layer is sky, never above the image, and the second what the blend mode leaves it: the
    image itself where blends are maxima. On the margin the answer fades into that. Images that
    are not larger are deblended as a whole.

    Args:
        answer: Function from blends `(n, height, width, bands)` to layers
            `(n, 2, height, width, bands)`.
        blends: Array `(n, height, width, bands)`, float32 in [0, 1].
        stamp_size: Side in pixels of the stamps that a network has learnt from.
        blend_mode: Name of the blend mode.
        scale: Pixels that the network sees per pixel of the blends along each axis.

    Returns:
        Layers `(n, 2, height, width, bands)`.
    """
    height, width = blends.shape[1:3]
    side = reach(stamp_size, scale)
    rows, columns = middle(height, side), middle(width, side)
    found = answer(blends[:, rows, columns])
    if max(height, width) <= side:
        return found
    layers = _sky_and_image(blends, blend_mode)
    weights = (_weight(length, side, MARGIN / scale) for length in (height, width))
    weight = np.multiply.outer(*weights)[..., None]
    seen = layers[:, :, rows, columns]
    seen += weight * (found - seen)
    return layers


def answer_aligned(answer: AnswerFunction, blends: np.ndarray, stamp_size: int) -> np.ndarray:
    """Answer images that are mirrored at their edges until their middle lies as that of stamps.

    Args:
        answer: As for `deblend_middle`.
        blends: Array `(n, height, width, bands)`.
        stamp_size: Side in pixels of the stamps that a network has learnt from.

    Returns:
        Layers `(n, 2, height, width, bands)`.
    """
    height, width = blends.shape[1:3]
    (top, bottom), (left, right) = (_padding(each, stamp_size) for each in (height, width))
    padded = np.pad(blends, ((0, 0), (top, bottom), (left, right), (0, 0)), mode="reflect")
    return answer(padded)[:, :, top : top + height, left : left + width]


def _padding(length: int, stamp_size: int) -> tuple[int, int]:
    missing = (stamp_size - length) % GRID
    return missing // 2, missing - missing // 2


def middle(length: int, side: int) -> slice:
    """Return the middle pixels of an axis, `side` of them or all.

    Args:
        length: How many pixels the axis has.
        side: How many are wanted.
    """
    start = max(0, (length - side) // 2)
    return slice(start, start + min(length, side))


def _weight(length: int, side: int, fade: float) -> np.ndarray:
    """Return what the answer counts along one axis, `(min(length, side),)`."""
    if length <= side:
        return np.ones(length, np.float32)
    from_border = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
    return np.minimum(from_border / min(fade, side / 2), 1).astype(np.float32)


def _sky_and_image(blends: np.ndarray, blend_mode: str) -> np.ndarray:
    levels = np.stack([_sky_level(blend) for blend in blends])[:, None, None].astype(np.float32)
    layers = np.stack([np.minimum(blends, levels), blends], axis=1)
    return make_consistent(blends, layers, blend_mode)


def _sky_level(blend: np.ndarray) -> np.ndarray:
    """Return the level of each band, `(bands,)`; black pixels are beyond an edge and show none.

    Unless most of those between the first and the last that is lit are black, as is the sky then.
    """
    lit = np.asarray(blend.any(axis=-1))
    rows, columns = (np.flatnonzero(np.any(lit, axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros(blend.shape[-1])
    inside = lit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return sky_of(blend[lit][None])[0] if inside.mean() > BLACK_SKY else np.zeros(blend.shape[-1])
