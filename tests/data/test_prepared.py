"""Galaxies in one file, prepared for training."""

import pickle

import numpy as np
import pytest

from kdeblend.data.open import open_source
from kdeblend.data.prepared import PreparedSource, prepare


def test_a_prepared_file_gives_the_same_galaxies_and_ids(galaxy_folder, tmp_path):
    expected, calls = open_source([galaxy_folder]), []
    path = tmp_path / "all.h5"
    assert prepare(expected, path, lambda *call: calls.append(call)) == 8
    assert calls[-1] == (8, 8)
    source = pickle.loads(pickle.dumps(open_source([path])))
    assert isinstance(source, PreparedSource)
    assert source.decoded
    assert source.ids == expected.ids
    for number in range(8):
        np.testing.assert_array_equal(source.image(number), expected.image(number))


def test_preparing_keeps_names_that_are_no_text(source, tmp_path):
    source.ids[3] = "galaxy\udcff"
    prepare(source, tmp_path / "all.h5")
    assert open_source([tmp_path / "all.h5"], stamp_size=12).ids == source.ids


def test_preparing_leaves_broken_images_out(source, tmp_path):
    source.images[0] = source.images[4] = None
    assert prepare(source, tmp_path / "all.h5") == 10
    prepared = open_source([tmp_path / "all.h5"], stamp_size=12)
    assert prepared.ids == [source.ids[number] for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11)]
    np.testing.assert_array_equal(prepared.image(3), source.images[5])


@pytest.mark.parametrize(
    "last", [np.zeros((65, 65, 3), np.uint8), np.zeros((64, 64, 3), np.uint16)]
)
def test_preparing_unequal_images_is_an_error_and_leaves_no_file(source, tmp_path, last):
    source.images[11] = last
    with pytest.raises(ValueError, match="same size and type"):
        prepare(source, tmp_path / "all.h5")
    assert not list(tmp_path.iterdir())


def test_preparing_only_broken_images_is_an_error(source, tmp_path):
    source.images = [None] * 12
    with pytest.raises(ValueError, match="12 broken images"):
        prepare(source, tmp_path / "all.h5")
