"""Finding the galaxies of a wide field and measuring how large and isolated they are."""

from dataclasses import dataclass

import numpy as np

SMOOTHING = 1.5
THRESHOLD = 2.5
SADDLE = 0.2
SMALLEST_AREA = 60
APERTURE = 60
MARGIN = 5
PETROSIAN_RATIO = 0.2


@dataclass(frozen=True)
class FieldObject:
    """One object of a field, positions and sizes in pixels.

    Args:
        label: Its number in the label image.
        row: Row of its centre of light.
        column: Column of its centre of light.
        radius: Circular Petrosian radius: where the surface brightness falls below a fifth
            of its mean within.
        intrusion: Share of the circle of that radius that belongs to other objects.
        contact: Share of its outline where it touches other objects.
        peak: Brightness of its smoothed peak above the sky, in grey levels.
        whole: Whether it keeps clear of the edges of the field, by five pixels at least.
    """

    label: int
    row: float
    column: float
    radius: float
    intrusion: float
    contact: float
    peak: float
    whole: bool


def find_objects(field: np.ndarray) -> tuple[list[FieldObject], np.ndarray]:
    """Detect, deblend by watershed and measure the objects of a field.

    Args:
        field: Array `(height, width, bands)` of a mostly dark field.

    Returns:
        The objects of at least 60 pixels, and the label image `(height, width)` of all, in
        which 0 is sky.
    """
    from scipy import ndimage
    from skimage.measure import regionprops

    brightness = field.mean(axis=-1, dtype=np.float32)
    smooth = ndimage.gaussian_filter(brightness, SMOOTHING)
    sky = float(np.median(smooth))
    labels = _segments(smooth - sky)
    objects = [
        _measure(region, brightness - sky, labels)
        for region in regionprops(labels, intensity_image=smooth - sky)
        if region.area >= SMALLEST_AREA
    ]
    return objects, labels


def sky_frame(field: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Paint all objects of a field over with its own sky, so that the noise stays real.

    Args:
        field: Array `(height, width, bands)`.
        labels: Label image of its objects, 0 being sky.

    Returns:
        Array like `field` that shows sky only.
    """
    from scipy import ndimage

    covered = ndimage.binary_dilation(labels > 0, iterations=2)
    frame, missing = field.copy(), covered.copy()
    rng = np.random.default_rng(0)
    while missing.any() and not covered.all():
        shift = tuple(rng.integers(0, labels.shape))
        found = missing & ~np.roll(covered, shift, axis=(0, 1))
        frame[found] = np.roll(field, shift, axis=(0, 1))[found]
        missing &= ~found
    return frame


def _segments(smooth: np.ndarray) -> np.ndarray:
    """Label what is above the noise, split where the light dips by a fifth between peaks."""
    from skimage.measure import label
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    below = smooth[smooth < 0]
    noise = float(np.sqrt(np.mean(below**2)))
    detected = smooth > THRESHOLD * noise
    level = np.log(np.maximum(smooth, noise))
    peaks = label(h_maxima(level, SADDLE).astype(bool) & detected)
    return watershed(-level, peaks, mask=detected)


def _measure(region, brightness: np.ndarray, labels: np.ndarray) -> FieldObject:
    row, column = region.centroid_weighted
    height, width = labels.shape
    top, bottom = max(0, int(row) - APERTURE), min(height, int(row) + APERTURE + 1)
    left, right = max(0, int(column) - APERTURE), min(width, int(column) + APERTURE + 1)
    window = np.s_[top:bottom, left:right]
    distance = np.hypot(
        np.arange(top, bottom)[:, None] - row, np.arange(left, right)[None] - column
    )
    others = (labels[window] > 0) & (labels[window] != region.label)
    radius = _petrosian_radius(distance[~others], brightness[window][~others])
    clear = np.array([*region.bbox[:2], height - region.bbox[2], width - region.bbox[3]])
    return FieldObject(
        label=region.label,
        row=row,
        column=column,
        radius=radius,
        intrusion=float(others[distance < radius].mean()),
        contact=_contact(labels[window], region.label),
        peak=float(region.intensity_max),
        whole=bool(clear.min() >= MARGIN),
    )


def _contact(labels: np.ndarray, label: int) -> float:
    from scipy import ndimage

    own = labels == label
    outline = ndimage.binary_dilation(own) & ~own
    return float((labels[outline] > 0).mean())


def _petrosian_radius(distance: np.ndarray, brightness: np.ndarray) -> float:
    rings = distance.astype(int)
    pixels = np.bincount(rings)
    surface = np.bincount(rings, brightness) / np.maximum(pixels, 1)
    outer = np.arange(1, len(surface) + 1)
    mean_within = np.cumsum(surface * (2 * outer - 1)) / outer**2
    faint = np.flatnonzero(surface < PETROSIAN_RATIO * mean_within)
    return float(faint[0] + 0.5) if len(faint) else float(APERTURE)
