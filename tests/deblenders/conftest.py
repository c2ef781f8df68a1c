"""Images of noise on disk, and a deblender that keeps a diary."""

import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.io.images import write_image


class Split(Deblender):
    """Upper half of the field to the first layer, lower half to the second; keeps a diary."""

    name = "split"

    def __init__(self):
        self.batches = []

    def deblend_batch(self, blends):
        self.batches.append(blends.shape)
        layers = np.stack([blends, blends], axis=1)
        layers[:, 0, blends.shape[1] // 2 :] = 0
        layers[:, 1, : blends.shape[1] // 2] = 0
        return layers


@pytest.fixture(scope="session")
def split():
    return Split


@pytest.fixture
def image():
    """Function that makes an image of noise."""
    rng = np.random.default_rng(4)

    def draw(dtype=np.uint8, bands=3, height=12, width=10):
        return rng.integers(0, np.iinfo(dtype).max, (height, width, bands), dtype, endpoint=True)

    return draw


@pytest.fixture
def make(image):
    """Function that writes an image of noise to a path, and returns it."""

    def write(path, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = image(**options)
        write_image(path, pixels)
        return pixels

    return write


@pytest.fixture(scope="session")
def names():
    """Function from a folder to the names of all files below it."""

    def found(folder):
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())

    return found
