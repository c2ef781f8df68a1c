"""Answers of others in an `.npz` file of blends."""

import os
from collections.abc import Mapping

import numpy as np

from kdeblend.io.images import to_float
from kdeblend.io.npz import NpzRows

NO_ANSWERS = ("blend", "truth", "valid", "galaxies")
LOWEST_LEVEL = -0.5  # images in [-1, 1] are darker, those with a sky taken off are not
_FAR = 999
_IMAGES = (1, 2, 3, 4)


def names_of_answers(path: str | os.PathLike, arrays: Mapping[str, NpzRows]) -> tuple[str, ...]:
    """Return the names of the arrays that are answers: those that have as many axes as the truth.

    Args:
        path: The file, for messages.
        arrays: All of its arrays by name, `truth` among them.

    Raises:
        ValueError: If one of them has another shape than `truth` or does not hold images.
    """
    truth = arrays["truth"].shape
    names = tuple(
        name
        for name, array in arrays.items()
        if name not in NO_ANSWERS and len(array.shape) == len(truth)
    )
    for name in names:
        if arrays[name].shape != truth:
            raise ValueError(
                f"`{name}` in {path} has {len(truth)} axes, as answers have, and must have the "
                f"shape of `truth`. Received: {name} {arrays[name].shape}, truth {truth}"
            )
        try:
            to_float(np.empty(0, arrays[name].dtype))
        except ValueError as error:
            raise ValueError(f"`{name}` in {path}: {error}") from error
    return names


def usable_answers(layers: np.ndarray) -> np.ndarray:
    """Return answers as what is scored.

    Args:
        layers: Array `(n, 2, height, width, bands)`, uint8, uint16 or floats.

    Returns:
        float32 in [0, 1], clipped to it; NaN for a blend on which the answer is not finite
        everywhere.
    """
    if layers.dtype.kind != "f":
        return to_float(layers)
    clipped = to_float(np.clip(layers, 0, 1))
    clipped[~np.isfinite(layers).all(axis=_IMAGES)] = np.nan
    return clipped


def levels(layers: np.ndarray) -> np.ndarray:
    """Return the mean of the answer to each blend, `(n,)`, NaN where the answer has NaN."""
    if layers.dtype.kind != "f":
        layers = to_float(layers)
    return np.clip(layers, -_FAR, _FAR).mean(axis=_IMAGES, dtype=np.float64)


def check_levels(path: str | os.PathLike, name: str, found: np.ndarray) -> None:
    """Check that answers are in the units of the blends, or clipping would spoil them unnoticed.

    Args:
        path: The file, for messages.
        name: The answers.
        found: What `levels` returns for all of them.

    Raises:
        ValueError: If most answers are brighter or darker than images in [0, 1] can be.
    """
    found = found[np.isfinite(found)]
    if len(found) and not LOWEST_LEVEL <= np.median(found) <= 1:
        raise ValueError(
            f"`{name}` in {path} must be in the units of `truth`, floats in [0, 1]. "
            f"Received: answers of mean {np.median(found):.3g}"
        )
