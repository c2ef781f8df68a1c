"""Making two layers agree with the blend that they came from, without training.

Everything here is per pixel and band.
"""

import numpy as np


def make_consistent(blend: np.ndarray, layers: np.ndarray, blend_mode: str) -> np.ndarray:
    """Change layers as little as needed for them to give the blend.

    - `max`: both layers are cut to the blend, and the larger of the two is
      raised to it (the central galaxy's where they are equal).
    - `sum`: the layers are moved by equal amounts until they add up to the
      blend, none below 0: flux is conserved. Where the blend is saturated, at
      1, only that the layers add up to 1 or more is known, so layers that do
      are left alone. This is the nearest allowed pair, and allowed pairs are a
      convex set, so the mean squared error over both layers never grows.
    - `mixed`: both layers are cut to the blend, which neither can exceed.
    - Any other mode says nothing about its layers: they are only cut to [0, 1].

    Args:
        blend: Array `(n, height, width, bands)` in [0, 1].
        layers: Array `(n, 2, height, width, bands)`.
        blend_mode: Name of the blend mode.

    Returns:
        Array of the shape of `layers`, float32 in [0, 1].

    Raises:
        ValueError: If the shapes do not fit.
    """
    if layers.shape != (len(blend), 2, *blend.shape[1:]):
        raise ValueError(
            "`layers` must have the shape of `blend` with an axis of two layers after the first. "
            f"Received: layers.shape={layers.shape}, blend.shape={blend.shape}"
        )
    first, second = layers[:, 0], layers[:, 1]
    if blend_mode in _CONSISTENT:
        first, second = _CONSISTENT[blend_mode](blend, first, second)
    return np.clip(np.stack([first, second], axis=1), 0, 1, dtype=np.float32)


def _max(blend, first, second):
    first_is_larger = first >= second
    return (
        np.where(first_is_larger, blend, np.minimum(first, blend)),
        np.where(first_is_larger, np.minimum(second, blend), blend),
    )


def _sum(blend, first, second):
    first, second = np.clip(first, 0, 1), np.clip(second, 0, 1)
    missing = blend - first - second
    missing = np.where(blend >= 1, np.maximum(missing, 0), missing)
    moved = first + missing / 2
    free = np.where(blend >= 1, np.minimum(moved, 1), np.clip(moved, 0, blend))
    return free, np.where(blend >= 1, second + missing / 2, blend - free)


def _mixed(blend, first, second):
    return np.minimum(first, blend), np.minimum(second, blend)


_CONSISTENT = {"max": _max, "sum": _sum, "mixed": _mixed}
