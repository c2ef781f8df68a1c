"""What a deblender is shown of an image, a field, and what is wanted of its layers."""

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
        part: Rows and columns of it that are of the image and wanted.
        size: Height and width of what is wanted; by default what `part` has.
        place: Rows and columns of what is wanted that are `part`; the others are beyond the
            edges of the image.
    """

    pixels: np.ndarray
    part: Region = WHOLE
    size: tuple[int, int] | None = None
    place: Region = WHOLE

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
    rows, columns = (_Span.around(at, length) for at, length in _axes(image, centre))
    pixels, inside = _padded(image, rows, columns, level)
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
        ValueError: If the pixel is not on the image, or the square more than twice as large.
    """
    if size > 2 * max(image.shape[:2]):
        raise ValueError(
            f"`size` must be at most twice that of the image, {image.shape[1]} x {image.shape[0]} "
            f"pixels. Received: size={size}"
        )
    side = max(size, seen)
    if centre is None:
        fields = [_Span.middle(length, side) for length in image.shape[:2]]
        squares = [_Span((length - size) // 2, size) for length in image.shape[:2]]
    else:
        _check_on(image, centre)
        fields = [_Span.around(at, length, side) for at, length in _axes(image, centre)]
        squares = [_Span(at - size // 2, size) for at in reversed(centre)]
    seen_rows, seen_columns = (
        span.on(length) for span, length in zip(fields, image.shape, strict=False)
    )
    shown = to_float(image[seen_rows.as_slice(), seen_columns.as_slice()])
    rows, columns = fields[0].since(seen_rows.start), fields[1].since(seen_columns.start)
    pixels, _ = _padded(shown, rows, columns, level(shown))
    wanted = [span.on(length) for span, length in zip(squares, image.shape, strict=False)]
    part = [span.since(f.start).as_slice() for span, f in zip(wanted, fields, strict=True)]
    place = [span.since(s.start).as_slice() for span, s in zip(wanted, squares, strict=True)]
    return Field(pixels, (part[0], part[1]), (size, size), (place[0], place[1]))


@dataclass(frozen=True)
class _Span:
    """Rows or columns, from one on that may be before the first of the image."""

    start: int
    length: int

    @classmethod
    def around(cls, at: int, length: int, most: int | None = None) -> "_Span":
        """Return an odd number of pixels around one, all of an axis or at least `most`."""
        reach = max(at, length - 1 - at)
        reach = reach if most is None else min(reach, most // 2)
        return cls(at - reach, 2 * reach + 1)

    @classmethod
    def middle(cls, length: int, most: int) -> "_Span":
        """Return the middle of an axis, all of it or at least `most`."""
        side = min(length, most + (length - most) % 2)
        return cls((length - side) // 2, side)

    def on(self, length: int) -> "_Span":
        """Return the part that is on an axis."""
        start, end = max(0, self.start), min(length, self.start + self.length)
        return _Span(start, max(0, end - start))

    def since(self, origin: int) -> "_Span":
        """Return the same, counted from another pixel."""
        return _Span(self.start - origin, self.length)

    def as_slice(self) -> slice:
        """Return it as an index."""
        return slice(self.start, self.start + self.length)


def _padded(
    image: np.ndarray, rows: _Span, columns: _Span, level: float | np.ndarray
) -> tuple[np.ndarray, Region]:
    """Return rows and columns of and around an image, and which of these are the image."""
    height, width, bands = image.shape
    inside = (
        _Span(-rows.start, height).as_slice(),
        _Span(-columns.start, width).as_slice(),
    )
    pixels = np.empty((rows.length, columns.length, bands), image.dtype)
    pixels[:] = level
    pixels[inside] = image
    return pixels, inside


def _axes(image, centre):
    return zip(reversed(centre), image.shape[:2], strict=True)


def _check_on(image: np.ndarray, centre: tuple[int, int]) -> None:
    if not all(0 <= at < length for at, length in _axes(image, centre)):
        height, width = image.shape[:2]
        raise ValueError(
            f"`centre` must be on the image, which has {width} x {height} pixels. "
            f"Received: centre={centre[0]},{centre[1]}"
        )
