"""What a deblender is shown of an image, a field, and what is wanted of its layers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kdeblend.deblenders.window import middle
from kdeblend.io.images import to_float

Region = tuple[slice, slice]
WHOLE: Region = (slice(None), slice(None))


@dataclass(frozen=True)
class Field:
    """A field to deblend.

    Attributes:
        pixels: Array `(height, width, bands)`.
        part: Rows and columns of it that are of the image and wanted.
        size: Height and width of what is wanted; by default what `part` has.
        place: Rows and columns of what is wanted that are `part`; the others are beyond the
            edges of the image.
    """

    pixels: np.ndarray
    part: Region = WHOLE
    size: tuple[int, int] | None = None
    place: Region = WHOLE

    def is_within(self, side: int) -> bool:
        """Tell whether all of the image that is wanted lies in the middle of the field.

        Args:
            side: Side in pixels of the middle.
        """
        for part, length in zip(self.part, self.pixels.shape[:2], strict=True):
            start, stop, _ = part.indices(length)
            seen = middle(length, side)
            if start < seen.start or stop > seen.stop:
                return False
        return True

    def wanted(self, layer: np.ndarray) -> np.ndarray:
        """Return what is wanted of a layer of the field, black beyond the edges of the image.

        Args:
            layer: Array of the shape of `pixels`.
        """
        part = layer[self.part]
        if self.size is None:
            return part
        square = np.zeros((*self.size, layer.shape[-1]), layer.dtype)
        square[self.place] = part
        return square


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
    height, width = image.shape[:2]
    x, y = centre
    above, below = _padding(y, height)
    left, right = _padding(x, width)
    pixels = np.empty((above + height + below, left + width + right, image.shape[-1]), image.dtype)
    pixels[:] = level
    inside = slice(above, above + height), slice(left, left + width)
    pixels[inside] = image
    return Field(pixels, inside)


def cut_out(
    image: np.ndarray,
    centre: tuple[int, int] | None,
    size: int,
    seen: int,
    level: Callable[[np.ndarray], np.ndarray],
) -> Field:
    """Take of an image what a deblender needs for a square around a pixel.

    The field has the pixel where `centre_field` has it, and is no larger than that.

    Args:
        image: Array `(height, width, bands)`: uint8, uint16, or floats in [0, 1].
        centre: Column and row `(x, y)` of the pixel, counted from 0 at the upper left; by
            default the square is the middle of the image.
        size: Side of the square in pixels; the pixel is number `size // 2` of its columns and rows.
        seen: Side of the square that the deblender needs to see; if less, it is `size`.
        level: Function from the part of the image that is seen to what to pad it
            with beyond the edges, `(bands,)`.

    Returns:
        The field, floats in [0, 1].

    Raises:
        ValueError: If the pixel is not on the image, or the square is too large for it.
    """
    height, width = image.shape[:2]
    if size > 2 * max(height, width):
        raise ValueError(
            f"`size` must be at most twice that of the image, {width} x {height} pixels. "
            f"Received: size={size}"
        )
    side = max(size, seen)
    if centre is None:
        top, left = (height - size) // 2, (width - size) // 2
        # By one pixel more where it is needed to lie in the middle.
        rows, columns = (middle(each, side + (each - side) % 2) for each in (height, width))
        part = to_float(image[rows, columns]).copy()  # lest it holds the whole image
        field = Field(part, (slice(0, part.shape[0]), slice(0, part.shape[1])))
    else:
        _check_on(image, centre)
        x, y = centre
        top, left = y - size // 2, x - size // 2
        rows, columns = _around(y, height, side), _around(x, width, side)
        part = to_float(image[rows, columns])
        field = centre_field(part, (x - columns.start, y - rows.start), level(part))
    parts, places = zip(
        _overlap(top, size, rows, field.part[0].start),
        _overlap(left, size, columns, field.part[1].start),
        strict=True,
    )
    return Field(field.pixels, parts, (size, size), places)


def _check_on(image: np.ndarray, centre: tuple[int, int]) -> None:
    height, width = image.shape[:2]
    x, y = centre
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(
            f"`centre` must be on the image, which has {width} x {height} pixels. "
            f"Received: centre={x},{y}"
        )


def _padding(at: int, length: int) -> tuple[int, int]:
    return max(0, length - 1 - 2 * at), max(0, 2 * at - length + 1)


def _around(at: int, length: int, side: int) -> slice:
    """Return the pixels of an axis around one, to either side as many as it takes for `side`."""
    return slice(max(0, at - side // 2), min(length, at + side // 2 + 1))


def _overlap(start: int, size: int, seen: slice, first: int) -> tuple[slice, slice]:
    """Return where what is seen of a square is on the field, and where on the square.

    Args:
        start: First pixel of the square, counted as on the image.
        size: Its side.
        seen: The pixels of the image that are on the field.
        first: Number on the field of the first of these.
    """
    begin, end = max(start, seen.start), min(start + size, seen.stop)
    shift = first - seen.start
    return slice(begin + shift, end + shift), slice(begin - start, end - start)
