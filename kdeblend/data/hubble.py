"""Real galaxies that need no download: cut out of the Hubble eXtreme Deep Field."""

import os

import numpy as np

from kdeblend.data.field import FieldObject, find_objects, sky_frame
from kdeblend.data.source import GalaxySource, logger

STAMP_RADIUS = 21.0
SMALLEST_RADIUS = 6.0
LARGEST_INTRUSION = 0.1
LARGEST_CONTACT = 0.4
FAINTEST_PEAK = 100.0
STARS = ((16, 405), (166, 254), (578, 753))
STAR_REACH = 8.0
SMOOTH_EDGE = 1.5


class HubbleSource(GalaxySource):
    """Galaxies of the Hubble eXtreme Deep Field that ships inside scikit-image.

    Every galaxy that is bright, well resolved, isolated and whole is cut out and scaled so
    that its Petrosian radius is 21 pixels of an 80-pixel stamp: the median of Galaxy Zoo,
    measured in the same way, is 23.5. Its neighbours are painted over with sky from
    elsewhere in the field. Ids are the position in the field, row and column in pixels.

    Args:
        path: `"hubble"`.

    Reference:
        [NASA, ESA, G. Illingworth et al., 2012](https://hubblesite.org/contents/media/images/2012/37/3098-Image.html)
    """

    native_size = 142
    bands = 3
    decoded = True

    def __init__(self, path: str = "hubble"):
        from skimage.data import hubble_deep_field

        if os.path.exists(path):
            logger.warning("%s stands for galaxies that ship; for the path write ./%s", path, path)
        field = hubble_deep_field()
        objects, labels = find_objects(field)
        sky = sky_frame(field, labels)
        chosen = [found for found in objects if _is_good_galaxy(found)]
        self.ids = [f"hubble-{found.row:03.0f}-{found.column:03.0f}" for found in chosen]
        self._images = np.stack([self._cut_out(field, labels, sky, found) for found in chosen])

    @classmethod
    def matches(cls, path: str) -> bool:
        """Tell whether `path` is the word `hubble`."""
        return path == "hubble"

    def image(self, index: int) -> np.ndarray:
        """Return galaxy number `index`, uint8 `(142, 142, 3)`."""
        return self._images[index]

    def _cut_out(
        self, field: np.ndarray, labels: np.ndarray, sky: np.ndarray, found: FieldObject
    ) -> np.ndarray:
        from PIL import Image

        side = found.radius / STAMP_RADIUS * self.native_size
        top, left = (int(middle - side / 2) - 3 for middle in (found.row, found.column))
        rows, columns = (np.arange(start, start + int(side) + 8) for start in (top, left))
        window = np.ix_(rows % field.shape[0], columns % field.shape[1])
        weight = _weight(labels[window], found.label)
        patch = np.rint(weight * field[window] + (1 - weight) * sky[window])
        y, x = found.row - top + 0.5 - side / 2, found.column - left + 0.5 - side / 2
        cut = Image.fromarray(patch.astype(np.uint8)).resize(
            (self.native_size, self.native_size),
            Image.Resampling.BICUBIC,
            box=(x, y, x + side, y + side),
        )
        return np.asarray(cut)


def _is_good_galaxy(found: FieldObject) -> bool:
    is_star = any(
        np.hypot(found.row - row, found.column - column) < STAR_REACH for row, column in STARS
    )
    return (
        not is_star
        and found.whole
        and found.radius >= SMALLEST_RADIUS
        and found.intrusion <= LARGEST_INTRUSION
        and found.contact <= LARGEST_CONTACT
        and found.peak >= FAINTEST_PEAK
    )


def _weight(labels: np.ndarray, label: int) -> np.ndarray:
    """Weight `(height, width, 1)` of the field against painted sky: smooth towards the sky."""
    from scipy import ndimage

    own = ndimage.binary_dilation(labels == label, iterations=4).astype(np.float32)
    weight = ndimage.gaussian_filter(own, SMOOTH_EDGE)
    others = ndimage.binary_dilation((labels > 0) & (labels != label), iterations=2)
    weight[others & (labels != label)] = 0
    weight[labels == label] = 1
    return weight[..., None]
