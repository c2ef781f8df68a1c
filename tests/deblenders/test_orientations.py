import numpy as np
import pytest

from kdeblend.deblenders.orientations import COUNTS, average_orientations

FLIPS = {2: [(-2, -3)], 4: [(-2,), (-3,)], 8: [(-2,), (-3,)]}


def weighted(weights):
    return lambda blends: np.stack([weights * blends, blends], axis=1)


@pytest.mark.parametrize("count", COUNTS)
def test_every_orientation_is_put_back(count):
    blends = np.random.default_rng(0).random((2, 6, 9, 3))
    layers = average_orientations(weighted(0.5), blends, count)
    np.testing.assert_allclose(layers, weighted(0.5)(blends), rtol=1e-12)


@pytest.mark.parametrize("count", FLIPS)
def test_no_orientation_is_preferred(count):
    weights = np.random.default_rng(1).random((5, 5, 1))
    layers = average_orientations(weighted(weights), np.ones((1, 5, 5, 2)), count)
    for axes in FLIPS[count]:
        np.testing.assert_allclose(np.flip(layers, axes), layers)
    assert np.allclose(layers.swapaxes(-2, -3), layers) == (count == 8)
    assert layers[0, 0].mean() == pytest.approx(weights.mean())
