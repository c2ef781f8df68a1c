"""Pictures of what the network makes of a few validation blends."""

import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from kdeblend.io.atomic import atomic_path
from kdeblend.io.images import as_rgb
from kdeblend.models.predict import predict_layers
from kdeblend.training.callbacks.step_callback import StepCallback

GAP = 2
HEADER = 16
TITLES = ("true first", "true second", "blend", "found first", "found second")


class BlendPanels(StepCallback):
    """Writes a panel of blends, true and found layers, to PNG and TensorBoard.

    One row a blend: truth of both galaxies, the blend, both as the network finds them.

    Args:
        blends: Array `(n, height, width, bands)` in [0, 1]; one row each.
        truth: Layers `(n, 2, height, width, bands)` in [0, 1].
        folder: Where `step-00001000.png` and the like go.
        every: Steps between panels.
        last_step: Step after which to write one in any case.
        writer: An `EventWriter`, or None.
        batch_size: Blends to predict at a time; several devices share them evenly.
    """

    def __init__(self, blends, truth, folder, every, last_step, writer=None, batch_size=32):
        super().__init__()
        self.blends = blends
        self.truth = truth
        self.folder = Path(folder)
        self.every = every
        self.last_step = last_step
        self.writer = writer
        self.batch_size = batch_size

    def on_step(self, step, logs):
        """Write a panel when it is time."""
        if not (self.crossed(self.every) or self.passed(self.last_step)):
            return
        layers = predict_layers(self.model.averaged_generator, self.blends, self.batch_size)
        picture = panel(self.blends, self.truth, layers)
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / f"step-{step:08d}.png") as temporary:
            Image.fromarray(picture).save(temporary)
        if self.writer is not None:
            self.writer.image(step, "validation blends", picture, time.time())


def panel(blends, truth, layers, zoom=2):
    """Arrange blends, truth and predictions in a picture.

    Args:
        blends: Array `(n, height, width, bands)` in [0, 1].
        truth: Layers `(n, 2, height, width, bands)` in [0, 1].
        layers: Predictions, of the shape of `truth`.
        zoom: Side of a pixel in the picture.

    Returns:
        Array `(16 + n * height', 5 * width', 3)`, uint8, a line of titles on top.
    """
    columns = [truth[:, 0], truth[:, 1], blends, layers[:, 0], layers[:, 1]]
    pad = [(0, 0), (0, GAP), (0, GAP), (0, 0)]
    shown = [np.stack([as_rgb(image) for image in images]) for images in columns]
    padded = [np.pad(images, pad, constant_values=255) for images in shown]
    levels = np.concatenate([np.concatenate(list(images)) for images in padded], axis=1)
    picture = levels.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return np.concatenate([_titles(picture.shape[1]), picture])


def _titles(width):
    line = Image.new("RGB", (width, HEADER), "white")
    draw = ImageDraw.Draw(line)
    for column, title in enumerate(TITLES):
        centre = (column + 0.5) * width / len(TITLES)
        draw.text((centre, HEADER / 2), title, fill="black", anchor="mm")
    return np.asarray(line)
