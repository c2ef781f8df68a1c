"""From the paths that a user names to galaxies, and to the sides of their split."""

import os
from collections.abc import Sequence

import numpy as np

from kdeblend.data.combined import CombinedSource
from kdeblend.data.source import GalaxySource
from kdeblend.data.split import check_split, split_indices
from kdeblend.plugins import Registry

SOURCES = Registry(
    "kdeblend.sources",
    "galaxy source",
    {
        "hubble": "kdeblend.data.hubble:HubbleSource",
        "prepared": "kdeblend.data.prepared:PreparedSource",
        "galaxy10": "kdeblend.data.galaxy10:Galaxy10Source",
        "images": "kdeblend.data.image_source:ImageSource",
    },
)


def open_source(paths: Sequence[str], stamp_size: int = 80) -> GalaxySource:
    """Open galaxies, choosing the kind of source by what each path points at.

    Args:
        paths: Folders, archives, HDF5 files, or `"hubble"`, the galaxies of the Hubble
            eXtreme Deep Field that ships inside scikit-image. Several are combined.
        stamp_size: Side of the stamps to be cut, in pixels.

    Returns:
        One source of all galaxies. Broken or too small files are left out, with a warning.

    Raises:
        OSError: If a path does not exist (`FileNotFoundError`), or an archive or an HDF5 file
            cannot be read.
        ValueError: If nothing is usable, no source reads a path, the images are smaller than
            a stamp, or sources differ in their number of bands.
        TypeError: If `paths` is one path, not a list.

    Example:
        >>> source = open_source(["hubble"])
        >>> source.image(0).shape
        (142, 142, 3)
    """
    if isinstance(paths, (str, os.PathLike)):  # or each letter were a path, "/" among them
        raise TypeError(f"`paths` must be a list of paths. Received: {paths!r}")
    if not paths:
        raise ValueError("`paths` must name at least one source of galaxies. Received: none")
    sources = [_open_one(os.fspath(path)) for path in paths]
    for path, source in zip(paths, sources, strict=True):
        if not len(source):
            raise ValueError(f"A source must hold a usable galaxy. Received: {path!r} has none")
        source.downsampling(stamp_size)
    if len(sources) == 1:
        return sources[0]
    return CombinedSource(sources)


def open_split(paths: Sequence[str], stamp_size: int) -> tuple[GalaxySource, dict[str, np.ndarray]]:
    """Open galaxies to train on, and split them.

    Args:
        paths: As `open_source` takes them.
        stamp_size: Side of the stamps to be cut, in pixels.

    Returns:
        The source, and the indices of each side as `split_indices` returns them.

    Raises:
        OSError: If a path does not exist (`FileNotFoundError`), or an archive or an HDF5 file
            cannot be read.
        ValueError: As `open_source` does, or if there are too few for training or validation.
    """
    source = open_source(paths, stamp_size)
    split = split_indices(source.ids)
    check_split(split)
    return source, split


def _open_one(path: str) -> GalaxySource:
    for _, kind in SOURCES.importable():  # of packages first, for the others take any folder
        if kind.matches(path):
            return kind(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"A galaxy source must be an existing path or 'hubble'. Received: {path!r}"
        )
    raise ValueError(
        "A galaxy source must be a folder, a .zip or .tar of images, or an HDF5 file of "
        f"images. Received: {path!r}, which none of {sorted(SOURCES)} reads"
    )
