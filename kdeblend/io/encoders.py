"""Arrays of pixels to image files, one function per format."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

QUICK_PNG: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
"""Options of Pillow that take a fraction of the time, and make pictures of the sky no larger."""

Encoder = Callable[[Path, np.ndarray], None]


def encoder_for(path: str | os.PathLike, image: np.ndarray) -> Encoder:
    """Return the function that writes `image` exactly in the format that `path` names.

    Args:
        path: File name that ends in `.png`, `.tif`, `.tiff` or `.npy`.
        image: Array `(height, width, bands)` of uint8, uint16 or float32.

    Raises:
        ValueError: If the suffix is another one, or PNG cannot hold the image.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npy":
        return _write_npy
    if suffix in (".tif", ".tiff"):
        return _write_tiff
    if suffix != ".png":
        raise ValueError(f"`path` must end in .png, .tif or .npy. Received: path={os.fspath(path)}")
    if image.dtype == np.float32 or image.shape[-1] not in (1, 3):
        raise ValueError(
            "PNG holds uint8 or uint16 images of one or three bands. "
            f"Received: {image.dtype} with {image.shape[-1]} bands"
        )
    return _write_png8 if image.dtype == np.uint8 else _write_png16


def _flat(image: np.ndarray) -> np.ndarray:
    """Return an image of one band as `(height, width)`, others as they are."""
    return image[..., 0] if image.shape[-1] == 1 else image


def _write_npy(path: Path, image: np.ndarray) -> None:
    np.save(path, _flat(image))


def _write_tiff(path: Path, image: np.ndarray) -> None:
    import tifffile

    colour = image.shape[-1] == 3
    tifffile.imwrite(
        path, _flat(image), photometric="rgb" if colour else "minisblack", planarconfig="contig"
    )


def _write_png8(path: Path, image: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(_flat(image)).save(path, **QUICK_PNG)


def _write_png16(path: Path, image: np.ndarray) -> None:
    """Write sixteen bits per band, which Pillow cannot for colour."""
    import png

    height, width, bands = image.shape
    writer = png.Writer(width=width, height=height, greyscale=bands == 1, bitdepth=16)
    rows = image.astype(">u2").reshape(height, width * bands).view(np.uint8)
    with path.open("wb") as file:
        writer.write_packed(file, rows)
