import keras
import numpy as np
import pytest

from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.deblenders.scaling import answer_scaled

RNG = np.random.default_rng(5)


def halves(blends):
    return np.stack([blends / 2, blends / 2], axis=1)


def sides(blends):
    """Left half to the first layer, right half to the second; black elsewhere."""
    layers = np.stack([blends, blends], axis=1)
    middle = blends.shape[2] // 2
    layers[:, 0, :, middle:] = 0
    layers[:, 1, :, :middle] = 0
    return layers


@pytest.fixture
def blends():
    return RNG.random((2, 36, 24, 3), np.float32)


def test_a_third_shows_the_middle_one_of_each_three_pixels(blends):
    shown = []
    answer_scaled(lambda seen: shown.append(seen) or halves(seen), blends, 1 / 3)
    np.testing.assert_allclose(shown[0], blends[:, 1::3, 1::3], atol=1e-6)


def test_as_large_is_as_it_is(blends):
    np.testing.assert_array_equal(answer_scaled(sides, blends, 1), sides(blends))


@pytest.mark.parametrize("scale", [0.4, 0.5, 0.9])
def test_layers_have_the_size_of_the_image_and_all_of_its_detail(blends, scale):
    layers = answer_scaled(halves, blends, scale)
    assert layers.shape == (2, 2, 36, 24, 3)
    assert layers.dtype == np.float32
    np.testing.assert_allclose(layers, halves(blends), atol=1e-6)


def test_detail_goes_where_the_light_is():
    blends = np.full((1, 40, 40, 1), 0.5, np.float32) + RNG.normal(0, 0.05, (1, 40, 40, 1))
    first, second = answer_scaled(sides, blends.astype(np.float32), 0.5)[0]
    np.testing.assert_allclose(first[:, :18], blends[0, :, :18], atol=1e-3)
    np.testing.assert_allclose(second[:, 22:], blends[0, :, 22:], atol=1e-3)
    assert abs(first[:, 22:]).max() < 1e-3


def test_where_it_is_black_nothing_breaks():
    layers = answer_scaled(halves, np.zeros((1, 20, 20, 3), np.float32), 0.5)
    assert (layers == 0).all()


def test_too_few_pixels(blends):
    with pytest.raises(ValueError, match=r"24 x 36 pixels, scale=0\.25"):
        answer_scaled(halves, blends, 0.25)


@pytest.fixture
def network():
    """A network of images of 40 pixels that halves them."""
    blend = keras.Input((40, 40, 3))
    quarter = keras.layers.Rescaling(1.0, offset=-1.0)(blend)
    return keras.Model(blend, [quarter, quarter])


def test_networks_see_images_at_their_scale(network):
    blends = RNG.random((3, 80, 80, 3), np.float32)
    deblender = NetworkDeblender(network, consistent=False, scale=0.5)
    np.testing.assert_allclose(deblender.deblend(blends), halves(blends), atol=1e-6)
    assert deblender.settings()["scale"] == 0.5
    layers = NetworkDeblender(network, consistent=True, scale=0.5).deblend(blends)
    np.testing.assert_array_equal(layers.max(axis=1), blends)


def test_around_the_middle_the_second_layer_is_the_image():
    """The middle is 112 x 112 pixels: a stamp of 40 and 16 more, seen at half the size."""
    blend = keras.Input((None, None, 3))
    half = keras.layers.Rescaling(1.0, offset=-1.0)(blend)
    deblender = NetworkDeblender(
        keras.Model(blend, [half, half]), consistent=False, stamp_size=40, scale=0.5
    )
    assert deblender.reach == 112
    image = RNG.random((1, 130, 130, 3), np.float32)
    first, second = deblender.deblend(image)[0]
    np.testing.assert_array_equal(second[:9], image[0, :9])
    np.testing.assert_allclose(second[45:85, 45:85], image[0, 45:85, 45:85] / 2, atol=1e-6)
    assert (first <= image[0] + 1e-6).all()


@pytest.mark.parametrize("scale", [0, -1, 1.1, float("nan")])
def test_scale_is_above_0_and_at_most_1(network, scale):
    with pytest.raises(ValueError, match="`scale` must be above 0"):
        NetworkDeblender(network, scale=scale)
