"""Bytes of an image file to an array of its pixels, one function per format."""

import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

PNG, JPEG, NPY = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\x93NUMPY"
FITS = b"SIMPLE  ="
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
PLAIN_MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB"}
ORIENTATION_TAG = 274


def decode(data: bytes) -> np.ndarray:
    """Decode an image file from its content.

    Args:
        data: The whole file: PNG, JPEG, TIFF or NumPy `.npy`.

    Returns:
        Array `(height, width)` or `(height, width, bands)`; transparency is
        composited over black and an orientation tag applied.

    Raises:
        ValueError: If it is no such file or holds what this project refuses.
            Broken files raise whatever the decoder of their format raises.
    """
    try:
        return _decode(data)
    except Image.DecompressionBombError as error:
        raise ValueError("too many pixels for this format: cut the image, or use .npy") from error
    except UnidentifiedImageError as error:  # whose message names an object in memory
        raise ValueError("the file is damaged, or of a kind that Pillow does not read") from error


def _decode(data: bytes) -> np.ndarray:
    if data.startswith(NPY):
        return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    if data.startswith(TIFF):
        return _decode_tiff(data)
    if data.startswith(PNG) and data[24:25] == b"\x10":
        return _decode_png16(data)
    if data.startswith((PNG, JPEG)):
        return _decode_pillow(data)
    if data.startswith(FITS):
        raise ValueError("FITS is not read: docs/images.md says how to make a picture of it")
    raise ValueError("not a PNG, JPEG, TIFF or .npy file" if data else "the file is empty")


def _decode_pillow(data: bytes) -> np.ndarray:
    """Decode what has at most eight bits per band."""
    image: Image.Image
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF")) as image:
        frames = getattr(image, "n_frames", 1)
        if image.format == "PNG" and frames > 1:
            raise ValueError(f"the file must hold one image. Received: {frames} images")
        image.load()
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
        if image.has_transparency_data:
            alpha_mode = "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA"
            return _orient(_over_black(np.asarray(image.convert(alpha_mode))), orientation)
        if image.mode not in PLAIN_MODES:
            raise ValueError(
                "the colour space must be greyscale, RGB or a palette of RGB. "
                f"Received: {image.mode}"
            )
        return _orient(np.asarray(image.convert(PLAIN_MODES[image.mode])), orientation)


def _decode_png16(data: bytes) -> np.ndarray:
    """Decode sixteen bits per band, which Pillow would cut to eight."""
    import png

    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        orientation = image.getexif().get(ORIENTATION_TAG, 1)
    width, height, rows, info = png.Reader(bytes=data).read()
    pixels = np.vstack([np.asarray(row, dtype=np.uint16) for row in rows])
    pixels = pixels.reshape(height, width, info["planes"])
    if "transparent" in info:
        opaque = (pixels != np.asarray(info["transparent"], dtype=np.uint16)).any(-1, keepdims=True)
        pixels = pixels * opaque.astype(np.uint16)
    return _orient(_over_black(pixels) if info["alpha"] else pixels, orientation)


def _decode_tiff(data: bytes) -> np.ndarray:
    """Decode a TIFF file: Pillow knows more encodings, tifffile more than eight bits."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        if len(file.pages) != 1:
            raise ValueError(f"the file must hold one image. Received: {len(file.pages)} images")
        page: Any = file.pages[0]
        alpha = [sample for sample in page.extrasamples if sample != 0]
        plain = page.samplesperpixel - len(alpha) in (1, 3) or page.photometric > 2
        if plain and page.bitspersample in (1, 2, 4, 8) and page.sampleformat == 1:
            return _decode_pillow(data)
        return _decode_scientific_tiff(page)


def _decode_scientific_tiff(page: Any) -> np.ndarray:
    """Decode a TIFF page of more than eight bits per band, or of any number of bands."""
    import tifffile

    photometric = tifffile.PHOTOMETRIC(page.photometric)
    if photometric.name not in ("MINISBLACK", "MINISWHITE", "RGB"):
        raise ValueError(f"the colour space must be greyscale or RGB. Received: {photometric.name}")
    try:
        pixels = page.asarray()
    except KeyError as error:  # what tifffile raises for a compression that it cannot undo
        raise ValueError(str(error.args[0])) from error
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ValueError(f"the axes must be rows, columns, bands. Received: {page.axes}")
    if photometric.name == "MINISWHITE":
        pixels = (np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1) - pixels
    if tifffile.EXTRASAMPLE.UNASSALPHA in page.extrasamples:
        pixels = _over_black(pixels)
    elif tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
        pixels = pixels[..., :-1]
    tag = page.tags.get(ORIENTATION_TAG)
    return _orient(pixels, tag.value if tag else 1)


def _over_black(pixels: np.ndarray) -> np.ndarray:
    """Composite `(height, width, bands + alpha)` over black, in the same bit depth."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    if pixels.dtype.kind == "f":
        return colour * alpha
    full = np.iinfo(pixels.dtype).max
    return np.rint(colour * (alpha / full)).astype(pixels.dtype)


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Apply the orientation tag of EXIF and TIFF (1 to 8; anything else means upright)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
