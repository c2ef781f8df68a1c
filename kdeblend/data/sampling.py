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
    top, down, visible = _split(rows.reshape(-1), height)
    left, right, seen = _split(columns.reshape(-1), width)
    top *= width
    top += left
    pixels = image.reshape(-1, bands)
    upper = _row_of_planes(pixels, top, right)
    top += width
    samples = _lerp(upper, _row_of_planes(pixels, top, right), down)
    for mask in (visible, seen):
        if mask is not None:
            samples *= mask
    return samples.reshape(bands, *rows.shape)


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
    samples = np.empty((image.shape[2], size, size), np.float32)
    patches = [image[row, column].transpose(2, 0, 1) for row in rows for column in columns]
    np.copyto(samples, patches[0])
    for patch in patches[1:]:
        samples += patch
    if len(patches) > 1:
        samples /= len(patches)
    return samples


def _grid_slices(side: int, size: int, step: int) -> list[slice]:
    doubled = side - 1 - step * (size - 1)
    starts = {doubled // 2, (doubled + 1) // 2}
    return [slice(start, start + step * (size - 1) + 1, step) for start in sorted(starts)]


def _split(positions: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Whole pixels, such that the next ones exist, remainders, and which are on the image."""
    inside = None
    if positions.min() < 0 or positions.max() >= side - 1:
        inside = (positions >= 0) & (positions <= side - 1)
        positions = np.clip(positions, 0, side - 1)
    whole = positions.astype(np.intp)
    if inside is not None:
        np.minimum(whole, side - 2, out=whole)
    return whole, positions - whole.astype(np.float32), inside


def _row_of_planes(pixels: np.ndarray, index: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Interpolate between pixels and their right neighbours, to planes `(bands, n)`."""
    return _lerp(_planes(pixels, index), _planes(pixels, index + 1), right)


def _planes(pixels: np.ndarray, index: np.ndarray) -> np.ndarray:
    planes = np.empty((pixels.shape[1], len(index)), np.float32)
    np.copyto(planes, pixels.take(index, axis=0, mode="clip").T)
    return planes


def _lerp(start: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Overwrite `end` with the interpolation from `start` to `end`."""
    end -= start
    end *= weight
    end += start
    return end
