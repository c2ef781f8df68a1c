"""Decoded galaxies in one memory-mapped file, for data larger than memory."""

import os
from collections.abc import Callable, Iterator

import numpy as np

from kdeblend.data.galaxy10 import Galaxy10Source
from kdeblend.data.source import GalaxySource, logger, read_galaxy
from kdeblend.io.atomic import check_folder
from kdeblend.io.hdf5 import is_hdf5, open_hdf5, write_image_stack
from kdeblend.io.images import ImageReadError

MARK = "kdeblend_prepared"


class PreparedSource(Galaxy10Source):
    """Galaxies from a file that `prepare` wrote, with the ids they had before.

    Args:
        path: The file.

    Raises:
        OSError: If the file cannot be read.
    """

    def __init__(self, path: str):
        super().__init__(path)
        with open_hdf5(path) as file:
            self.ids = [each.decode("utf-8", "surrogateescape") for each in file["ids"][:]]

    def image(self, index: int) -> np.ndarray:
        """Read galaxy number `index`; its pixels were checked when the file was written."""
        return self._read(index)

    @classmethod
    def matches(cls, path: str) -> bool:
        """Tell whether `path` is a file that `prepare` wrote."""
        if not is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return MARK in file.attrs


def prepare(
    source: GalaxySource,
    path: str | os.PathLike,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Decode all galaxies of a source into one HDF5 file.

    The file holds `images`, in one piece so that they can be memory-mapped, and `ids`. Broken
    images are left out, with a warning; rows of `images` beyond the last id are unused.

    Args:
        source: The galaxies.
        path: The file to write, atomically.
        progress: Called with the number of galaxies read so far and of all.

    Returns:
        The number of galaxies written.

    Raises:
        ValueError: If images differ in size or type, none is readable, or `path` is there and not
            a file that this function wrote.
        FileNotFoundError: If the folder of `path` is not there.
    """
    check_folder(path)
    if os.path.exists(path) and not PreparedSource.matches(os.fspath(path)):
        raise ValueError(f"The file to write must be a new or a prepared one. Received: {path}")
    images = _readable(source, progress)
    galaxy_id, first = next(images, (None, None))
    if galaxy_id is None or first is None:
        raise ValueError(f"A galaxy must be readable. Received: {len(source)} broken images")
    ids = [galaxy_id]

    def fill(dataset):
        dataset[0] = first
        for row, (galaxy_id, image) in enumerate(images, 1):
            if image.shape != first.shape or image.dtype != first.dtype:
                raise ValueError(
                    "Galaxies in one file must have the same size and type. Received: "
                    f"{first.shape} {first.dtype} and {image.shape} {image.dtype} ({galaxy_id})"
                )
            dataset[row] = image
            ids.append(galaxy_id)
        return ids

    write_image_stack(path, (len(source), *first.shape), first.dtype, fill, {MARK: 1})
    return len(ids)


def _readable(
    source: GalaxySource, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[str, np.ndarray]]:
    for index, galaxy_id in enumerate(source.ids):
        try:
            yield galaxy_id, read_galaxy(source, index)
        except ImageReadError as error:
            logger.warning("left out %s: %s", galaxy_id, error)
        if progress is not None:
            progress(index + 1, len(source))
