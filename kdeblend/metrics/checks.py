"""What every metric demands of its images."""

import numpy as np


def counted(image: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Return the mask of an image, True where a pixel counts; without one, all do.

    Args:
        image: Array `(height, width, bands)`.
        valid: Boolean array `(height, width)`, or None.
    """
    return np.ones(image.shape[:2], bool) if valid is None else valid


def checked(
    truth: np.ndarray, prediction: np.ndarray, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return two images in double precision and the mask, True where a pixel counts.

    Args:
        truth: Array `(height, width, bands)`, floats in [0, 1].
        prediction: Array of the same shape and units.
        valid: Boolean array `(height, width)`, True where a pixel counts, or None.

    Raises:
        ValueError: If shapes do not fit, an image is not of floats, or no pixel counts.
    """
    if truth.ndim != 3 or truth.shape != prediction.shape:
        raise ValueError(
            "`truth` and `prediction` must have the same shape (height, width, bands). "
            f"Received: truth.shape={truth.shape}, prediction.shape={prediction.shape}"
        )
    if truth.dtype.kind != "f" or prediction.dtype.kind != "f":
        raise ValueError(
            "`truth` and `prediction` must be floats in [0, 1], as kdeblend.io.images.to_float "
            f"makes them. Received: {truth.dtype}, {prediction.dtype}"
        )
    valid = counted(truth, valid)
    if valid.shape != truth.shape[:2] or valid.dtype != bool:
        raise ValueError(
            f"`valid` must be boolean of shape {truth.shape[:2]}. "
            f"Received: {valid.dtype} of shape {valid.shape}"
        )
    if not valid.any():
        raise ValueError("`valid` must be True somewhere. Received: no valid pixel")
    return truth.astype(np.float64), prediction.astype(np.float64), valid
