"""A blend and its layers side by side in one labelled picture."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import png
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from kdeblend.io.atomic import atomic_path
from kdeblend.io.images import as_rgb

LABELS = ("blend", "central galaxy", "other galaxy")
WIDTH = 320
MARK = ("Software", "kdeblend")
INK, PAPER = (30, 30, 30), (255, 255, 255)


def draw_panel(images: Sequence[np.ndarray], labels: Sequence[str] = LABELS) -> np.ndarray:
    """Draw images side by side, each with its label above.

    Small images are enlarged by a whole number, pixel by pixel, so that nothing
    is smoothed away. One band is shown in grey, three in colour, and of any other
    number the mean in grey.

    Args:
        images: Arrays `(height, width, bands)` of one shape, floats in [0, 1].
        labels: As many words to write above them.

    Returns:
        uint8 array `(height, width, 3)`.

    Raises:
        ValueError: If there are no images, their shapes differ, or there is not
            one label for each.
    """
    shapes = {image.shape for image in images}
    if len(shapes) != 1 or len(images) != len(labels):
        raise ValueError(
            "`images` must have one shape and a label each. "
            f"Received: shapes={sorted(shapes)}, {len(labels)} labels"
        )
    height, width, _ = shapes.pop()
    factor = max(1, round(WIDTH / max(height, width)))
    height, width = height * factor, width * factor
    gap = max(4, width // 40)
    size = max(14, width // 16)
    font = ImageFont.load_default(size)
    step = max(width, *(int(font.getlength(label)) for label in labels)) + gap
    top = size + size // 2
    canvas = Image.new("RGB", (step * len(images) - gap, top + height), PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, (image, label) in enumerate(zip(images, labels, strict=True)):
        left = column * step
        middle = left + (step - gap) // 2
        draw.text((middle, top // 2), label, fill=INK, font=font, anchor="mm")
        pixels = Image.fromarray(as_rgb(image)).resize((width, height), Image.Resampling.NEAREST)
        canvas.paste(pixels, (middle - width // 2, top))
    return np.asarray(canvas)


def write_panel(path: Path, images: Sequence[np.ndarray]) -> None:
    """Write the panel of a blend and its layers, marked as kdeblend's.

    Args:
        path: The PNG file; an existing one is replaced.
        images: The blend and its two layers, `(height, width, bands)` in [0, 1].
    """
    mark = PngInfo()
    mark.add_text(*MARK)
    with atomic_path(path) as temporary:
        Image.fromarray(draw_panel(images)).save(temporary, pnginfo=mark)


def is_panel(path: Path) -> bool:
    """Tell whether a file is a panel that `write_panel` has written.

    Args:
        path: The file; it need not exist.
    """
    try:
        with path.open("rb") as file:
            header = itertools.takewhile(
                lambda chunk: chunk[0] != b"IDAT", png.Reader(file=file).chunks()
            )
            return (b"tEXt", "\0".join(MARK).encode()) in header
    except (OSError, EOFError, png.Error):
        return False
