"""A blend and its layers side by side in one labelled picture."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import png
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from kdeblend.io.atomic import atomic_path
from kdeblend.io.encoders import QUICK_PNG
from kdeblend.io.images import as_rgb

LABELS = ("blend", "central galaxy", "other galaxy")
WIDTH = 320
MARK = ("Software", "kdeblend")
RECORD = "kdeblend"
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


def write_panel(
    path: Path, images: Sequence[np.ndarray], record: dict[str, Any] | None = None
) -> None:
    """Write the panel of a blend and its layers, marked as kdeblend's.

    Args:
        path: The PNG file; an existing one is replaced.
        images: The blend and its two layers, `(height, width, bands)` in [0, 1].
        record: What the layers were made of and how, values that JSON can hold; it is
            kept in the file.
    """
    mark = PngInfo()
    mark.add_text(*MARK)
    mark.add_text(RECORD, json.dumps(record or {}))
    with atomic_path(path) as temporary:
        Image.fromarray(draw_panel(images)).save(temporary, pnginfo=mark, **QUICK_PNG)


def is_panel(path: Path) -> bool:
    """Tell whether a file is a panel that `write_panel` has written.

    Args:
        path: The file; it need not exist.
    """
    return read_record(path) is not None


def read_record(path: Path) -> dict[str, Any] | None:
    """Return what a panel says of its layers.

    Args:
        path: The file; it need not exist.

    Returns:
        The record that `write_panel` was given, empty in panels of older versions; None
        if this is no panel that `write_panel` has written.
    """
    texts = _texts(path)
    if texts.get(MARK[0]) != MARK[1]:
        return None
    try:
        return dict(json.loads(texts.get(RECORD, "{}")))
    except (ValueError, TypeError):
        return {}


def _texts(path: Path) -> dict[str, str]:
    """Return the texts of a PNG file before its pixels by keyword; none if it is no PNG."""
    try:
        with path.open("rb") as file:
            chunks = png.Reader(file=file).chunks()
            header = itertools.takewhile(lambda chunk: chunk[0] != b"IDAT", chunks)
            pairs = [data.partition(b"\0") for kind, data in header if kind == b"tEXt"]
    except (OSError, EOFError, png.Error):
        return {}
    return {key.decode("latin-1"): text.decode("latin-1") for key, _, text in pairs}
