"""Rows of the arrays in an .npz file, read without loading whole arrays."""

import os
import weakref
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np


class NpzRows:
    """One array of an .npz file, compressed or not, of which only some rows are read.

    Only an array in Fortran order, whose rows are scattered over the file, is loaded whole, when
    the first of them are asked for.

    Args:
        path: The file.
        name: Name of the array.

    Attributes:
        shape: Shape of the array.
        dtype: Its dtype.
        checksum: CRC-32 of the array as it is stored.
    """

    def __init__(self, path: str | os.PathLike, name: str):
        self._path = Path(path)
        self._member = f"{name}.npy"
        self._file: IO[bytes] | None = None
        with zipfile.ZipFile(path) as archive, archive.open(self._member) as file:
            self.checksum = archive.getinfo(self._member).CRC
            self.shape, self._fortran, self.dtype = _header(file)
            self._start = file.tell()
        self._row = self.dtype.itemsize * int(np.prod(self.shape[1:]))

    def __len__(self) -> int:
        return self.shape[0] if self.shape else 0

    def __getitem__(self, rows: Sequence[int]) -> np.ndarray:
        """Return some rows; they are read in the order of the file.

        Args:
            rows: Numbers of the rows.

        Raises:
            OSError: If the file ends too early.
            ValueError: If the array holds Python objects.
        """
        if self.dtype.hasobject:
            raise ValueError(f"{self._member} must hold numbers. Received: Python objects")
        if self._fortran:
            return self._whole[list(rows)]
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place in np.argsort(rows, kind="stable"):
            found[place] = self._read(rows[place])
        return found

    def _read(self, row: int) -> np.ndarray:
        if self._file is None:
            self._file = self._open()
        self._file.seek(self._start + row * self._row)
        content = self._file.read(self._row)
        if len(content) != self._row:
            raise OSError(f"{self._path} ends before row {row} of {self._member} does")
        return np.frombuffer(content, self.dtype).reshape(self.shape[1:])

    def _open(self) -> IO[bytes]:
        """Open the array, to be read row after row until this object is gone."""
        stack = ExitStack()
        weakref.finalize(self, stack.close)
        archive = stack.enter_context(zipfile.ZipFile(self._path))
        return stack.enter_context(archive.open(self._member))

    @cached_property
    def _whole(self) -> np.ndarray:
        with np.load(self._path, allow_pickle=False) as file:
            return file[self._member.removesuffix(".npy")]


def npz_names(path: str | os.PathLike) -> list[str]:
    """Return the names of the arrays in an .npz file.

    Raises:
        OSError: If there is no such file.
        zipfile.BadZipFile: If it is no .npz file.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
