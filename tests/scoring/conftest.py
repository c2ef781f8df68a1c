import numpy as np
import pytest


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
