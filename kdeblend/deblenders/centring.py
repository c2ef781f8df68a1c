"""What a deblender is shown of an image: a field with a galaxy in its middle."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kdeblend.io.images import to_float

Region = tuple[slice, slice]
WHOLE: Region = (slice(None), slice(None))


@dataclass(frozen=True)
class Field:
    """A field to deblend.

    Attributes:
        pixels: Array `(height, width, bands)`.
        inside: Rows and columns that are of the image; around them the field is padded.
        shown: Rows and columns that are wanted.
    """

    pixels: np.ndarray
    inside: Region = WHOLE
    shown: Region = WHOLE

    def wanted(self, layer: np.ndarray) -> np.ndarray:
        """Return the wanted part of a layer of the field, black beyond the image.

        Args:
            layer: Array of the shape of `pixels`.
        """
        on_image = np.zeros_like(layer)
        on_image[self.inside] = layer[self.inside]
        return on_image[self.shown]


def centre_field(
    image: np.ndarray, centre: tuple[int, int], level: float | np.ndarray = 0.0
) -> Field:
    """Pad an image until a pixel is its middle one.

    Nothing is cut off, and the whole image is wanted.

    Args:
        image: Array `(height, width, bands)`.
        centre: Column and row `(x, y)` of the pixel, counted from 0 at the upper left.
        level: What to pad with, one number or one for each band; black by default.

    Returns:
        The field, of odd height and width.

    Raises:
        ValueError: If the pixel is not on the image.

    Example:
        >>> field = centre_field(image, (10, 20))
        >>> np.array_equal(field.wanted(field.pixels), image)
        True
    """
    _check_on(image, centre)
    x, y = centre
    height, width = (1 + 2 * max(at, side - 1 - at) for at, side in _axes(image, centre))
    return _padded(image, (y - height // 2, x - width // 2), (height, width), level)


def cut_out(
    image: np.ndarray,
    centre: tuple[int, int] | None,
    size: int,
    around: int,
    level: Callable[[np.ndarray], np.ndarray],
) -> Field:
    """Cut a square out of an image, with what a deblender needs to see around it.

    Args:
        image: Array `(height, width, bands)`: uint8, uint16, or floats in [0, 1].
        centre: Column and row `(x, y)` of its middle pixel, or of the one below and to the right
            of its middle if `size` is even; by default the middle of the image.
        size: Side of the square that is wanted, pixels.
        around: Side of the square that the deblender needs to see; if less, `size` is.
        level: Function from the part of the image that is seen to what to pad it
            with beyond the edges, `(bands,)`.

    Returns:
        The field, floats in [0, 1].

    Raises:
        ValueError: If the pixel is not on the image.
    """
    height, width = image.shape[:2]
    x, y = (width // 2, height // 2) if centre is None else centre
    _check_on(image, (x, y))
    side = max(size, around)
    top, left = y - side // 2, x - side // 2
    part = to_float(image[_overlap(top, side, height), _overlap(left, side, width)])
    start = side // 2 - size // 2
    shown = slice(start, start + size)
    corner = min(top, 0), min(left, 0)
    return _padded(part, corner, (side, side), level(part), (shown, shown))


def _padded(part, corner, shape, level, shown=None) -> Field:
    """Put an image on a field that begins at a row and a column of it, `corner`, or before."""
    rows, columns = (slice(-at, -at + side) for at, side in zip(corner, part.shape, strict=False))
    pixels = np.empty((*shape, part.shape[-1]), part.dtype)
    pixels[:] = level
    pixels[rows, columns] = part
    return Field(pixels, (rows, columns), shown or (rows, columns))


def _axes(image, centre):
    return zip(centre[::-1], image.shape[:2], strict=True)


def _overlap(start: int, side: int, length: int) -> slice:
    return slice(max(0, start), min(length, start + side))


def _check_on(image: np.ndarray, centre: tuple[int, int]) -> None:
    if not all(0 <= at < side for at, side in _axes(image, centre)):
        height, width = image.shape[:2]
        raise ValueError(
            f"`centre` must be on the image, which has {width} x {height} pixels. "
            f"Received: centre={centre[0]},{centre[1]}"
        )
