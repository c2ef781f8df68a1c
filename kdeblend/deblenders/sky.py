"""What lies under the galaxies of a blend: level and noise of the sky."""

import numpy as np

NOISE_FLOOR = 1 / 512  # half a step of 8 bits
ROUNDS = 5


def luminance(blend: np.ndarray) -> np.ndarray:
    """Return the mean over the bands, float64 `(height, width)`, on which sources are sought."""
    return np.ascontiguousarray(blend.mean(axis=-1, dtype=np.float64))


def sky_of(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure level and noise of the sky by clipping what is more than 3 sigma off the median.

    Args:
        image: Array `(height, width, bands)`.

    Returns:
        Median and standard deviation of the pixels left, `(bands,)` each, in the
        units of the image; the deviation is at least half a step of 8 bits.
    """
    bands = [sky_of_band(image[..., band]) for band in range(image.shape[-1])]
    level, noise = np.array(bands, np.float64).T
    return level, noise


def sky_of_band(band: np.ndarray) -> tuple[float, float]:
    """Measure level and noise of the sky of one band, as `sky_of` does.

    Args:
        band: Array of any shape.
    """
    pixels = band.ravel()
    for _ in range(ROUNDS):
        level, noise = np.median(pixels), max(pixels.std(), NOISE_FLOOR)
        kept = pixels[np.abs(pixels - level) <= 3 * noise]
        if len(kept) == len(pixels):
            break
        pixels = kept
    return float(level), float(noise)


def with_sky(found: np.ndarray, blend: np.ndarray) -> np.ndarray:
    """Add layers of plain sky until there are two.

    Args:
        found: Array `(k, height, width, bands)`.
        blend: The blend that the sky is measured on, `(height, width, bands)`.
    """
    missing = max(0, 2 - len(found))
    return np.concatenate([found, np.broadcast_to(sky_of(blend)[0], (missing, *blend.shape))])
