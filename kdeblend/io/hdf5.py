"""Stacks of images inside HDF5 files, read one image at a time."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kdeblend.io.atomic import atomic_path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
DATASET = "images"
_DTYPES = ("uint8", "uint16", "float32")


class Hdf5Images:
    """The dataset `images`, `(n, size, size, bands)`, of an HDF5 file.

    It is memory-mapped when its pixels lie in one piece, else each reading opens the file
    anew; either way it can be shared between threads, forked processes and pickles.

    Args:
        path: The file.

    Raises:
        OSError: If the file or the dataset cannot be read.
        ValueError: If the dataset holds no square images of uint8, uint16 or float32.
    """

    def __init__(self, path: str):
        import h5py

        self.path = path
        with open_hdf5(path) as file:
            images = file[DATASET]
            if not isinstance(images, h5py.Dataset):
                raise ValueError(f"{DATASET!r} in {path} must be a dataset. Received: {images}")
            self.shape, self.dtype = images.shape, images.dtype
            self._offset = images.id.get_offset()
        square = len(self.shape) == 4 and self.shape[1] == self.shape[2]
        if not square or self.dtype.name not in _DTYPES or not self.dtype.isnative:
            raise ValueError(
                f"{DATASET!r} in {path} must have shape (n, size, size, bands) and one of the "
                f"types {', '.join(_DTYPES)}. Received: shape={self.shape}, dtype={self.dtype}"
            )
        self._map: np.memmap | None = None

    @property
    def mapped(self) -> bool:
        """Whether the images are memory-mapped."""
        return self._offset is not None

    def read(self, index: int) -> np.ndarray:
        """Return image number `index`, `(size, size, bands)`, not to be written to.

        Raises:
            OSError: If the file cannot be read or its content is damaged.
        """
        if not self.mapped:
            with open_hdf5(self.path) as file:
                return file[DATASET][index]
        if self._map is None:
            self._map = np.memmap(self.path, self.dtype, "r", self._offset, self.shape)
        return np.asarray(self._map[index])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_map": None}


def is_hdf5(path: str) -> bool:
    """Tell from its first bytes whether `path` is an HDF5 file."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def open_hdf5(path: str) -> Any:
    """Open an HDF5 file for reading.

    Raises:
        OSError: If the file is missing or damaged; the message names it.
    """
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise OSError(f"{path} must be a readable HDF5 file. Received: {error}") from error


def write_image_stack(
    path: str | os.PathLike,
    shape: tuple[int, ...],
    dtype: np.dtype,
    fill: Callable[[Any], Sequence[str]],
    attributes: dict[str, int],
) -> None:
    """Write an HDF5 file of `images`, in one piece, and their `ids`, atomically.

    Args:
        path: The file; replaced if it exists.
        shape: Shape of `images`, `(n, size, size, bands)`.
        dtype: Type of `images`.
        fill: Called with the dataset; writes the images and returns their ids.
        attributes: Attributes of the file.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(attributes)
        space = h5py.h5s.create_simple(shape)
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        kind = h5py.h5t.py_create(dtype)
        images = h5py.Dataset(h5py.h5d.create(file.id, b"images", kind, space, create))
        file["ids"] = [each.encode("utf-8", "surrogateescape") for each in fill(images)]
