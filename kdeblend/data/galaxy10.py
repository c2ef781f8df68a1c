"""Galaxies from an HDF5 file in the layout of Galaxy10."""

from pathlib import Path

import numpy as np

from kdeblend.data.source import GalaxySource
from kdeblend.io.hdf5 import Hdf5Images, is_hdf5, open_hdf5
from kdeblend.io.images import ImageReadError, checked_pixels


class Galaxy10Source(GalaxySource):
    """The dataset `images` of an HDF5 file, square images.

    Ids are the name of the file and the number of the image.

    Args:
        path: The HDF5 file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If `images` is not `(n, size, size, bands)` of a supported type.

    Reference:
        [Galaxy10](https://astronn.readthedocs.io/en/latest/galaxy10.html) in astroNN
    """

    checked = True

    def __init__(self, path: str):
        self._images = Hdf5Images(path)
        count, self.native_size, _, self.bands = self._images.shape
        self.decoded = self._images.mapped
        self.ids = [f"{Path(path).stem}-{number}" for number in range(count)]

    @classmethod
    def matches(cls, path: str) -> bool:
        """Tell whether `path` is an HDF5 file with a dataset `images`."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return "images" in file

    def image(self, index: int) -> np.ndarray:
        """Read galaxy number `index`, `(native_size, native_size, bands)`."""
        pixels = self._read(index)
        try:
            return checked_pixels(pixels)
        except ValueError as error:
            raise ImageReadError(self.ids[index], error) from error

    def _read(self, index: int) -> np.ndarray:
        try:
            return self._images.read(index)
        except OSError as error:
            raise ImageReadError(self.ids[index], error) from error
