"""Bilinear sampling of images at arbitrary positions, fast enough for training.

Images are interleaved `(height, width, bands)` as stored; samples come out as planes
`(bands, ...)`, because NumPy is several times faster when its inner loop runs over many
pixels than over three bands.
"""

import numpy as np


def sample_bilinear(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Interpolate an image bilinearly; outside of it everything is zero.

    Args:
        image: Array `(height, width, bands)` of any real dtype, at least 2 x 2 pixels.
        rows: float32 array of row positions in pixels, 0 being the middle of the first row.
        columns: float32 array of column positions, of the same shape as `rows`.

    Returns:
        float32 array `(bands, *rows.shape)` in the units of `image`.
    """
    height, width, bands = image.shape
    top, down = _split(rows, height)
    left, right = _split(columns, width)
    corner = np.multiply(top, width, out=top)
    corner += left
    pixels = image.reshape(-1, bands)
    upper = _lerp(_planes(pixels, corner), _planes(pixels, corner + 1), right)
    corner += width
    lower = _lerp(_planes(pixels, corner), _planes(pixels, corner + 1), right)
    samples = _lerp(upper, lower, down)
    samples *= _inside(rows, height) & _inside(columns, width)
    return samples


def sample_grid(image: np.ndarray, size: int, step: int) -> np.ndarray:
    """Sample a square grid about the middle of an image, without antialiasing.

    The grid is centred exactly: where its points fall on pixels (always, for an odd step
    and image sides as odd or even as `size`) they are plain pixels, and where they fall
    half-way between two pixels they are the mean of these.

    Args:
        image: Array `(height, width, bands)` of any real dtype.
        size: Number of points along each axis.
        step: Distance of neighbouring points in pixels.

    Returns:
        float32 array `(bands, size, size)` in the units of `image`.
    """
    rows, columns = (_grid_slices(side, size, step) for side in image.shape[:2])
    samples = np.zeros((image.shape[2], size, size), np.float32)
    for row in rows:
        for column in columns:
            samples += image[row, column].transpose(2, 0, 1)
    samples *= 1 / (len(rows) * len(columns))
    return samples


def _grid_slices(side: int, size: int, step: int) -> list[slice]:
    doubled = side - 1 - step * (size - 1)
    starts = {doubled // 2, (doubled + 1) // 2}
    return [slice(start, start + step * (size - 1) + 1, step) for start in sorted(starts)]


def _split(positions: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole pixel and remainder of positions, clipped so that the next pixel exists."""
    fraction = np.clip(positions, 0, side - 1)
    whole = fraction.astype(np.intp)
    np.minimum(whole, side - 2, out=whole)
    fraction -= whole.astype(np.float32)
    return whole, fraction


def _planes(pixels: np.ndarray, index: np.ndarray) -> np.ndarray:
    taken = np.take(pixels, index, axis=0, mode="clip")
    planes = np.empty((pixels.shape[1], *index.shape), np.float32)
    np.copyto(planes, np.moveaxis(taken, -1, 0))
    return planes


def _lerp(start: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    end -= start
    end *= weight
    end += start
    return end


def _inside(positions: np.ndarray, side: int) -> np.ndarray:
    return (positions >= 0) & (positions <= side - 1)
