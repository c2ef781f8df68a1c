"""The shape of an image file, without decoding it where its header tells."""

import contextlib
import io

from kdeblend.io.images import read_image

_BANDS = {"L": 1, "RGB": 3}


def image_shape(content: bytes, name: str) -> tuple[int, int, int]:
    """Read the shape of a JPEG or PNG image from its header, where that is enough to know it.

    Args:
        content: The bytes of an image file that `kdeblend.io.images.read_image` reads.
        name: What to call the image in errors.

    Returns:
        The `(height, width, bands)` that `read_image` would return; height and width may be the
        other way round if the file has an orientation tag.

    Raises:
        ImageReadError: If it is no image. A file broken behind its header goes unnoticed.
    """
    from PIL import Image

    formats = ("JPEG", "PNG")  # in TIFF files Pillow may see fewer bands than `read_image`
    with contextlib.suppress(Exception), Image.open(io.BytesIO(content), formats=formats) as image:
        if image.mode in _BANDS and not image.has_transparency_data:
            return (image.height, image.width, _BANDS[image.mode])
    height, width, bands = read_image(io.BytesIO(content), name).shape
    return (height, width, bands)
