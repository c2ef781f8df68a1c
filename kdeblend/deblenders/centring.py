"""Bringing a galaxy to the middle of the field, and the layers back."""

import numpy as np


def centre_field(
    image: np.ndarray, centre: tuple[int, int], level: float | np.ndarray = 0.0
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Pad an image until a pixel is its middle one.

    Nothing is cut off, so that the layers of the field give those of the image.

    Args:
        image: Array `(height, width, bands)`.
        centre: Column and row `(x, y)` of the pixel, counted from 0 at the upper left.
        level: What to pad with, one number or one for each band; black by default.

    Returns:
        The field, an array of odd height and width, and the rows and columns of
        it that are the image.

    Raises:
        ValueError: If the pixel is not on the image.

    Example:
        >>> field, inside = centre_field(image, (10, 20))
        >>> np.array_equal(field[inside], image)
        True
    """
    height, width = image.shape[:2]
    x, y = centre
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(
            f"`centre` must be on the image, which has {width} x {height} pixels. "
            f"Received: centre={x},{y}"
        )
    padding = [
        (max(0, side - 1 - 2 * position), max(0, 2 * position - side + 1))
        for side, position in ((height, y), (width, x))
    ]
    rows, columns = (
        slice(before, before + side)
        for (before, _), side in zip(padding, (height, width), strict=True)
    )
    (above, below), (left, right) = padding
    field = np.empty((above + height + below, left + width + right, image.shape[-1]), image.dtype)
    field[:] = level
    field[rows, columns] = image
    return field, (rows, columns)
