"""Seeded synthetic galaxies, as arrays, as a source and as files."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdeblend.data.source import GalaxySource
from kdeblend.data.split import split_of
from kdeblend.io.images import ImageReadError


def synthetic_galaxy(seed, size=64, bands=3, dtype=np.uint8):
    """Draw an elliptical, coloured exponential disc on noisy sky, `(size, size, bands)`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.4, 1)
    major = x * np.cos(angle) + y * np.sin(angle)
    minor = (y * np.cos(angle) - x * np.sin(angle)) / ratio
    disc = np.exp(-np.hypot(major, minor) / rng.uniform(0.05, 0.1) / size)
    image = disc[..., None] * rng.uniform(0.5, 0.95, bands) + rng.uniform(
        0, 0.05, (size, size, bands)
    )
    return (
        image.astype(dtype) if dtype == np.float32 else (image * np.iinfo(dtype).max).astype(dtype)
    )


class ArraySource(GalaxySource):
    """Galaxies from a list; None stands for a broken file."""

    def __init__(self, images):
        self.images = images
        self.native_size, _, self.bands = next(im for im in images if im is not None).shape
        self.ids = [f"galaxy-{number}" for number in range(len(images))]
        self.reads = 0

    def image(self, index):
        self.reads += 1
        if self.images[index] is None:
            raise ImageReadError(self.ids[index], "made so")
        return self.images[index]


@pytest.fixture(scope="session")
def make_galaxies(tmp_path_factory):
    """Function from numbers of galaxies by side of the split to a folder of 64-pixel PNGs."""

    def make(**wanted):
        folder = tmp_path_factory.mktemp("galaxies")
        for number in itertools.count():
            side = split_of(f"g{number}")
            if wanted.get(side):
                wanted[side] -= 1
                Image.fromarray(synthetic_galaxy(number)).save(folder / f"g{number}.png")
            if not any(wanted.values()):
                return folder

    return make


@pytest.fixture
def is_running():
    """Function from the number of a process to whether it runs: there, and no leftover entry."""

    def look(number):
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"

    return look


@pytest.fixture(scope="session")
def galaxy():
    return synthetic_galaxy


@pytest.fixture
def array_source():
    return ArraySource


@pytest.fixture
def source():
    """Twelve galaxies of 64 x 64 pixels: of 12-pixel stamps, every third pixel."""
    return ArraySource([synthetic_galaxy(seed) for seed in range(12)])


@pytest.fixture
def galaxy_folder(tmp_path):
    """A folder tree of eight PNG galaxies `0.png` to `7.png`, half of them in a sub-folder."""
    folder = tmp_path / "galaxies"
    (folder / "more").mkdir(parents=True)
    for seed in range(8):
        place = folder if seed < 4 else folder / "more"
        Image.fromarray(synthetic_galaxy(seed, 150)).save(place / f"{seed}.png")
    return folder
