"""Galaxies from image files in folders and archives."""

import io
import os
from collections import Counter
from pathlib import Path

import numpy as np

from kdeblend.data.source import GalaxySource, logger, unique_ids
from kdeblend.io.archives import Entry, is_archive, list_entries
from kdeblend.io.headers import image_shape
from kdeblend.io.images import IMAGE_SUFFIXES, ImageReadError, read_image


class ImageSource(GalaxySource):
    """The JPEG, PNG, TIFF and NumPy images of a folder tree or archive, one galaxy each.

    Archives are read in place. The native size and the number of bands are those of most
    images; the central square of larger images is used. Files that are broken, too small or
    of another number of bands are left out, with a warning that names them. Ids are file
    names without folder and extension.

    Args:
        path: A folder, with or without archives in it, or a .zip or .tar archive.

    Raises:
        OSError: If the folder or archive cannot be read.
        ValueError: If there is no usable image.
    """

    def __init__(self, path: str):
        found = list_entries(path)
        entries = [entry for entry in found if entry.name.lower().endswith(IMAGE_SUFFIXES)]
        shapes = {entry: shape for entry in entries if (shape := _shape(entry)) is not None}
        if not shapes:
            raise ValueError(
                f"{path!r} must hold a readable image ({', '.join(IMAGE_SUFFIXES)}). "
                f"Received: {len(found)} files, {len(entries)} of them named like images"
            )
        counts = Counter(shapes.values())
        self.native_size, self.bands = max(counts, key=lambda shape: (counts[shape], shape))
        self._entries = [entry for entry, shape in shapes.items() if self._usable(entry, shape)]
        names = [Path(entry.name).stem for entry in self._entries]
        places = [_place(entry, path) for entry in self._entries]
        self.ids = unique_ids(names if len(set(names)) > 1 else places, places)

    @classmethod
    def matches(cls, path: str) -> bool:
        """Tell whether `path` is a folder or a .zip or .tar archive."""
        return os.path.isdir(path) or (os.path.isfile(path) and is_archive(path))

    def image(self, index: int) -> np.ndarray:
        """Decode galaxy number `index`, `(native_size, native_size, bands)`."""
        entry = self._entries[index]
        try:
            pixels = read_image(io.BytesIO(entry.read()), entry.name)
        except OSError as error:
            raise ImageReadError(entry.name, error) from error
        top, left = ((side - self.native_size) // 2 for side in pixels.shape[:2])
        square = pixels[top : top + self.native_size, left : left + self.native_size]
        return np.ascontiguousarray(square)

    def _usable(self, entry: Entry, shape: tuple[int, int]) -> bool:
        side, bands = shape
        if bands != self.bands:
            logger.warning("left out %s: %d bands, not %d", entry.name, bands, self.bands)
        elif side < self.native_size:
            logger.warning("left out %s: %d pixels, not %d", entry.name, side, self.native_size)
        return bands == self.bands and side >= self.native_size


def _place(entry: Entry, root: str) -> str:
    """Return where a file is, below the folder or from the archive that was opened."""
    start = root if os.path.isdir(root) else os.path.dirname(root)
    path = Path(os.path.relpath(entry.path, start)).as_posix()
    return path if path == entry.name else f"{path}/{entry.name}"


def _shape(entry: Entry) -> tuple[int, int] | None:
    """Side of the central square and bands, or None, with a warning, for a broken file."""
    try:
        height, width, bands = image_shape(entry.read(), entry.name)
    except (ImageReadError, OSError) as error:
        logger.warning("left out %s: %s", entry.name, error)
        return None
    return min(height, width), bands
