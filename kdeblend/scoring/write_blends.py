"""Made blends to an `.npz` file that `ReadBlends` reads."""

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.io.atomic import check_folder
from kdeblend.io.images import from_float
from kdeblend.io.npz import NewArray, npz_mark, npz_names, write_npz
from kdeblend.scoring.blends import MadeBlends

MARK = "kdeblend blend"
NAMES = ("blend", "truth", "galaxies")


def write_blends(
    blends: MadeBlends, path: str | os.PathLike, progress: Callable[[int], Any] | None = None
) -> None:
    """Write blends and their truth, for deblenders that do not run in this process.

    The file holds `blend` `(n, height, width, bands)` and `truth` `(n, 2, height, width,
    bands)`, the central galaxy first, uint16 where 65535 is 1, and `galaxies`, text `(n, 2)`,
    their ids. `ReadBlends` scores any further array shaped as `truth` as an answer. Only a few
    blends are in memory at a time; each is made twice, once for each array.

    Args:
        blends: The blends.
        path: The file to write, complete or not at all. One that this function wrote before, and
            to which no array was added since, is replaced; a link is followed.
        progress: Called with the number of rows after some rows of `blend` or of `truth`.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If another file is there.

    Example:
        >>> write_blends(make_test_blends(blends=100), "blends.npz")
        >>> len(ReadBlends("blends.npz"))
        100
    """
    check_place(path)
    write_npz(os.path.realpath(path), _arrays(blends, progress or (lambda rows: None)), MARK)


def check_place(path: str | os.PathLike) -> None:
    """Check that `write_blends` can write a file and nothing is lost by it.

    Args:
        path: The file to write.

    Raises:
        FileNotFoundError: If its folder is not there.
        ValueError: If another file is there.
    """
    check_folder(path)
    path = Path(path)
    if path.exists() and not _is_ours(path):
        raise ValueError(
            "The file to write must be a new one, or one of `kdeblend blend` to which nothing was "
            f"added. Received: {path}"
        )


def _is_ours(path: Path) -> bool:
    try:
        return npz_mark(path) == MARK and sorted(npz_names(path)) == sorted(NAMES)
    except (OSError, zipfile.BadZipFile):
        return False


def _arrays(blends: MadeBlends, progress: Callable[[int], Any]) -> Iterator[tuple[str, NewArray]]:
    first = blends.take([0])
    for name in ("blend", "truth"):
        shape = (len(blends), *getattr(first, name).shape[1:])
        yield name, NewArray(shape, np.uint16, _pixels(blends, name, progress))
    ids = blends.galaxy_ids()
    yield "galaxies", NewArray(ids.shape, ids.dtype, [ids])


def _pixels(blends: MadeBlends, name: str, progress: Callable[[int], Any]) -> Iterator[np.ndarray]:
    for chunk in blends.chunks():
        pixels = from_float(getattr(chunk, name), np.uint16)
        yield pixels
        progress(len(pixels))
