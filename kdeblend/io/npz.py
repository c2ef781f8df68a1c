"""Arrays in .npz files, read and written a few rows at a time."""

import os
import weakref
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import DTypeLike

from kdeblend.io.atomic import atomic_path


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


@dataclass(frozen=True)
class NewArray:
    """An array that is to be written to an .npz file.

    Args:
        shape: Shape of the array.
        dtype: Its dtype; no Python objects.
        chunks: Its rows, in arrays of any number of them.
    """

    shape: tuple[int, ...]
    dtype: DTypeLike
    chunks: Iterable[np.ndarray]


def write_npz(path: str | os.PathLike, arrays: Iterable[tuple[str, NewArray]], mark: str) -> None:
    """Write an .npz file, complete or not at all, with one chunk in memory at a time.

    Args:
        path: The file; an existing one is replaced.
        arrays: Names and arrays; each is asked for when the one before it is written.
        mark: Tells who wrote the file, see `npz_mark`.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If chunks do not have the dtype of the array or the shape of its rows, or not as
            many rows as it has.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.comment = mark.encode()
        for name, array in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                _write_array(file, name, array)


def npz_mark(path: str | os.PathLike) -> str:
    """Return the mark of an .npz file that `write_npz` has written, of others an empty text.

    NumPy does not keep it when it writes the arrays of the file to another one.

    Raises:
        OSError: If there is no such file.
        zipfile.BadZipFile: If it is no .npz file.
    """
    with zipfile.ZipFile(path) as archive:
        return archive.comment.decode("utf-8", "replace")


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


def _write_array(file: IO[bytes], name: str, array: NewArray) -> None:
    dtype = np.dtype(array.dtype)
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    rows = 0
    for chunk in array.chunks:
        if (chunk.dtype, chunk.shape[1:]) != (dtype, array.shape[1:]):
            raise ValueError(
                f"chunks of {name!r} must be {dtype} of shape (n, *{array.shape[1:]}). "
                f"Received: {chunk.dtype} of shape {chunk.shape}"
            )
        file.write(chunk.tobytes())
        rows += len(chunk)
    if rows != array.shape[0]:
        raise ValueError(f"chunks of {name!r} must have {array.shape[0]} rows. Received: {rows}")
