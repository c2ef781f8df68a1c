import numpy as np
import pytest

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.source import GalaxySource
from kdeblend.scoring.blends import MadeBlends


class Gaussians(GalaxySource):
    """Galaxies of different widths on a noisy sky."""

    native_size = 48
    bands = 3
    decoded = True

    def __init__(self, count=120):
        self.ids = [f"galaxy-{i}" for i in range(count)]

    def image(self, index):
        grid = np.arange(48) - 23.5
        radius = np.hypot(*np.meshgrid(grid, grid))[..., None]
        sky = np.random.default_rng(index).random((48, 48, 3)) * 0.05
        light = np.exp(-((radius / (3 + index % 7)) ** 2)) * np.array([0.9, 0.7, 0.5])
        return np.uint8(255 * np.clip(light + sky, 0, 1))


@pytest.fixture(scope="session")
def images():
    """Function from a number to round galaxies `(number, 2, 20, 20, 3)`, uint8."""
    rng = np.random.default_rng(11)

    def draw(count):
        offsets = np.indices((20, 20)).transpose(1, 2, 0)
        centres = rng.uniform(6, 13, (count, 2, 1, 1, 2))
        distances = np.hypot(*np.moveaxis(offsets - centres, -1, 0))
        light = np.exp(-((distances / rng.uniform(2, 4, (count, 2, 1, 1))) ** 2))
        return np.uint8(200 * light[..., None] * np.array([1, 0.8, 0.6]) + 5)

    return draw


@pytest.fixture(scope="session")
def file(tmp_path_factory, images):
    """A file of 40 blends by maximum, with their truth and answers of a friend."""
    truth = images(40)
    path = tmp_path_factory.mktemp("blends") / "blends.npz"
    np.savez_compressed(path, blend=truth.max(axis=1), truth=truth, friend=truth // 2)
    return path


@pytest.fixture
def no_report(monkeypatch):
    """Leave out what takes most of the time and asks the deblenders again."""
    monkeypatch.setattr("kdeblend.scoring.run.write_report", lambda path, *_: path.touch())


@pytest.fixture(scope="session")
def gaussians():
    return Gaussians


@pytest.fixture(scope="session")
def made():
    """Function from options to forty blends of 16 x 16 pixels of withheld galaxies."""

    def make(**options):
        return MadeBlends(Gaussians(), 40, geometry=BlendGeometry(stamp_size=16), **options)

    return make


@pytest.fixture(scope="session")
def arrays():
    """Function from a number of blends and a type to what a file of blends holds."""
    rng = np.random.default_rng(5)

    def make(count=3, dtype=np.uint8):
        truth = rng.integers(0, 256, (count, 2, 16, 18, 3)).astype(np.uint8)
        noise = rng.integers(0, 20, truth.shape).astype(np.uint8)
        given = {
            "blend": truth.max(axis=1),
            "truth": truth,
            "friend": truth - np.minimum(truth, noise),
            "names": np.array(["x"] * count),
        }
        if dtype == np.float32:
            given = {k: v if v.dtype.kind == "U" else v / np.float32(255) for k, v in given.items()}
        return given

    return make


@pytest.fixture
def npz(tmp_path, arrays):
    """Function from changed arrays, None for those left out, to a file of blends."""

    def write(**changes):
        given = {k: v for k, v in (arrays() | changes).items() if v is not None}
        np.savez(tmp_path / "blends.npz", **given)
        return tmp_path / "blends.npz"

    return write
