"""What every source must give."""

import numpy as np
import pytest

from kdeblend.data.cache import ImageCache
from kdeblend.data.open import open_source
from kdeblend.data.prepared import prepare
from kdeblend.data.source import read_galaxy
from kdeblend.io.images import ImageReadError


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((64, 64, 3), 300.0), r"float pixels must be in \[0, 1\]"),
        (np.zeros((64, 64, 3), np.int32), "dtype=int32"),
        (np.zeros((64, 64, 1), np.uint8), "must have 3 bands. Received: 1"),
    ],
)
def test_pixels_of_other_kinds_are_named_and_left_out(array_source, galaxy, image, message):
    source = array_source([galaxy(0), image])
    with pytest.raises(ImageReadError, match=f"cannot read image galaxy-1: .*{message}"):
        read_galaxy(source, 1)
    for source.decoded in (False, True):
        with pytest.raises(ImageReadError, match=message):
            ImageCache(source, 1.0).image(1)


def test_floats_of_double_precision_are_pixels(array_source, galaxy, tmp_path):
    images = [galaxy(n, dtype=np.float32).clip(0, 1).astype(np.float64) for n in range(4)]
    source = array_source(images)
    image = ImageCache(source, 1.0).image(2)
    np.testing.assert_array_equal(image, images[2].astype(np.float32))
    assert prepare(source, tmp_path / "p.h5") == 4
    assert open_source([str(tmp_path / "p.h5")], 12).image(3).dtype == np.float32
