"""Galaxies in HDF5 files of Galaxy10."""

import pickle

import h5py
import numpy as np
import pytest

from kdeblend.data.galaxy10 import Galaxy10Source
from kdeblend.data.open import open_source
from kdeblend.io.images import ImageReadError


def test_galaxy10_gives_its_images(galaxy10, galaxy):
    source = open_source([galaxy10])
    assert isinstance(source, Galaxy10Source)
    assert source.decoded
    assert source.ids[1] == "Galaxy10-1"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).image(3), galaxy(3, 90))


def test_an_hdf5_file_of_another_layout_is_explained(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["images/red"] = np.zeros((5, 90, 90))
    with pytest.raises(ValueError, match=r"'images' in .*other\.h5 must be a dataset"):
        open_source([path])


def test_a_compressed_galaxy10_gives_the_same(galaxy10, galaxy):
    with h5py.File(galaxy10, "r+") as file:
        images = file["images"][:]
        del file["images"]
        file.create_dataset("images", data=images, compression="gzip", chunks=(2, 90, 90, 3))
    source = open_source([galaxy10])
    assert not source.decoded
    np.testing.assert_array_equal(source.image(3), galaxy(3, 90))


def test_galaxy10_floats_must_be_in_the_range_of_images(galaxy10):
    with h5py.File(galaxy10, "r+") as file:
        images = file["images"][:].astype(np.float32) / 255
        images[1] *= 255
        images[2, 3, 4, 0] = np.nan
        del file["images"]
        file["images"] = images
    source = open_source([galaxy10])
    np.testing.assert_array_equal(source.image(0), images[0])
    with pytest.raises(ImageReadError, match=r"Galaxy10-1: float pixels must be in \[0, 1\]"):
        source.image(1)
    with pytest.raises(ImageReadError, match="Galaxy10-2: pixels must be finite"):
        source.image(2)


def test_a_galaxy10_of_another_shape_is_refused(galaxy10):
    with h5py.File(galaxy10, "r+") as file:
        del file["images"]
        file["images"] = np.zeros((4, 90, 80, 3), np.uint8)
    with pytest.raises(
        ValueError, match=r"\(n, size, size, bands\).*Received: shape=\(4, 90, 80, 3\)"
    ):
        open_source([galaxy10])


def test_small_galaxy10_images_name_the_largest_stamp(galaxy10):
    with pytest.raises(ValueError, match=r"at most 90 pixels.*Received: stamp_size=91"):
        open_source([galaxy10], stamp_size=91)
