import h5py
import numpy as np
import pytest


@pytest.fixture
def galaxy10(tmp_path, galaxy):
    """A file of Galaxy10 with five galaxies of 90 pixels."""
    path = tmp_path / "Galaxy10.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.stack([galaxy(seed, 90) for seed in range(5)])
        file["ans"] = np.arange(5)
    return path
