"""Reading and writing single images: PNG, JPEG, TIFF and NumPy files.

Images are arrays `(height, width, bands)` of uint8, uint16 or float32; floats
are in [0, 1]. What a file holds beyond plain pixel values is treated so:

- Transparent pixels are composited over black, the sky of a blend.
- An orientation tag (EXIF) is applied, so that pixel positions are those that
  an image viewer shows.
- Palettes are expanded to colour, one-bit images to 0 and 255.
- CMYK and other colour spaces that need a colour profile are refused, and so
  are files of several images.
"""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from kdeblend.io.atomic import atomic_path
from kdeblend.io.decoders import decode
from kdeblend.io.errors import in_words

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")


class ImageReadError(ValueError):
    """Raised when a file is no usable image; the message names the file and the reason."""

    def __init__(self, name: str, reason: object):
        super().__init__(f"cannot read image {name}: {reason}")
        self.name = name
        self.reason = str(reason)

    def __reduce__(self):
        return type(self), (self.name, self.reason)


def read_image(source: str | os.PathLike | BinaryIO, name: str | None = None) -> np.ndarray:
    """Read an image file with the bit depth that it was stored with.

    Args:
        source: Path or binary file object of a PNG, JPEG, TIFF or `.npy` file;
            the content decides which, not the name.
        name: What to call the image in errors. Defaults to the path.

    Returns:
        Array `(height, width, bands)` of uint8, uint16, or float32 in [0, 1];
        greyscale has one band.

    Raises:
        ImageReadError: If the file cannot be read or its pixels are no usable image.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    if name is None:
        name = str(path) if path else str(getattr(source, "name", "stream"))
    try:
        data = path.read_bytes() if path else source.read()  # type: ignore[union-attr]
        return checked_pixels(decode(data))
    except Exception as error:  # decoders raise some dozen kinds for broken files
        raise ImageReadError(name, in_words(error, name_file=False)) from error


def write_image(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write an image; its dtype decides between 8 bit, 16 bit and float.

    Args:
        path: File to write: `.png` (uint8, uint16), `.tif` or `.npy` (also float32).
        image: Array `(height, width, bands)`; PNG holds one or three bands.

    Raises:
        ValueError: If the format cannot hold the image exactly.
    """
    from kdeblend.io import encoders

    image = checked_pixels(image)
    write = encoders.encoder_for(path, image)
    with atomic_path(path) as temporary:
        write(temporary, image)


def checked_pixels(image: np.ndarray) -> np.ndarray:
    """Return pixels as `(height, width, bands)` in native byte order.

    Args:
        image: Array `(height, width)` or `(height, width, bands)`.

    Raises:
        ValueError: If it has another shape or no pixels, is of another dtype than uint8,
            uint16 or floats, or floats are not finite and in [0, 1].
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(
            f"must have shape (height, width) or (height, width, bands). Received: {image.shape}"
        )
    if image.dtype.kind == "f":
        if not np.isfinite(image).all():
            raise ValueError("pixels must be finite. Received: NaN or infinity")
        low, high = image.min(), image.max()
        if low < 0 or high > 1:
            raise ValueError(
                "float pixels must be in [0, 1], to which docs/images.md says how to bring counts. "
                f"Received: {low:g} to {high:g}"
            )
        return image.astype(np.float32, copy=False)
    if is_whole(image.dtype):
        return image.astype(image.dtype.newbyteorder("="), copy=False)
    raise ValueError(f"pixels must be uint8, uint16 or float. Received: dtype={image.dtype}")


def is_whole(dtype: np.dtype) -> bool:
    """Tell whether pixels of a dtype are whole numbers of 8 or 16 bits, in either byte order."""
    return dtype.newbyteorder("=") in (np.uint8, np.uint16)


def to_float(image: np.ndarray) -> np.ndarray:
    """Return `image` as float32 in [0, 1], whatever its bit depth.

    Args:
        image: Array of uint8, uint16 or, already in [0, 1], floats.

    Raises:
        ValueError: If the dtype is another one.
    """
    if is_whole(image.dtype):
        return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)
    if image.dtype.kind == "f":
        return image.astype(np.float32, copy=False)
    raise ValueError(f"dtype must be uint8, uint16 or a float. Received: dtype={image.dtype}")


def from_float(image: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Return an image in [0, 1] as `dtype`, rounded to the nearest level and clipped.

    Args:
        image: Array of floats; values outside [0, 1] are clipped to it.
        dtype: uint8, uint16 or float32.

    Raises:
        ValueError: If `dtype` is another one.
    """
    target = np.dtype(dtype)
    clipped = np.clip(image, 0.0, 1.0)
    if target in (np.uint8, np.uint16):
        return np.rint(clipped * np.iinfo(target).max).astype(target)
    if target == np.float32:
        return clipped.astype(np.float32)
    raise ValueError(f"`dtype` must be uint8, uint16 or float32. Received: dtype={target}")


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image as it is shown.

    Args:
        image: Array `(height, width, bands)`, floats in [0, 1].

    Returns:
        uint8 array `(height, width, 3)`: three bands in colour, of any other number
        the mean in grey.
    """
    if image.shape[-1] != 3:
        image = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    return from_float(image, np.uint8)
