import numpy as np
import pytest
from scipy import ndimage

from kdeblend.deblenders.window import MARGIN, answer_aligned, deblend_middle

RNG = np.random.default_rng(4)
STAMP = 32
SIDE = STAMP + 2 * MARGIN


def swapped(blends):
    """Give the blend to the first layer, black to the second, as a network that is lost."""
    return np.stack([blends, np.zeros_like(blends)], axis=1)


@pytest.fixture
def shown():
    """What a network is shown, in order."""
    return []


@pytest.fixture
def answer(shown):
    def keep(blends):
        shown.append(blends)
        return swapped(blends)

    return keep


@pytest.mark.parametrize(("height", "width"), [(32, 48), (8, 20), (47, 33), (48, 48)])
def test_the_middle_lies_in_the_grid_as_that_of_a_stamp(answer, shown, height, width):
    blends = RNG.random((2, height, width, 3)).astype(np.float32)
    np.testing.assert_array_equal(answer_aligned(answer, blends, STAMP), swapped(blends))
    for length, side in zip((height, width), shown[0].shape[1:3], strict=True):
        assert side >= length
        assert side - length < 16
        assert (side - STAMP) % 16 == 0


def test_images_that_are_not_larger_are_deblended_as_a_whole(answer):
    blends = RNG.random((1, 20, SIDE, 3)).astype(np.float32)
    np.testing.assert_array_equal(deblend_middle(answer, blends, STAMP, "max"), swapped(blends))


@pytest.fixture
def field():
    """A dark sky with noise, a galaxy in the middle and another far from it."""
    image = np.abs(RNG.normal(0.02, 0.005, (1, 70, 61, 3))).astype(np.float32)
    image[0, 30:40, 26:36] += 0.5
    image[0, 2:9, 3:9] += 0.6
    return image


def test_what_is_far_from_the_middle_belongs_to_the_second_layer(answer, shown, field):
    first, second = deblend_middle(answer, field, STAMP, "max")[0]
    assert shown[0].shape == (1, SIDE, SIDE, 3)
    np.testing.assert_array_equal(second[:11], field[0, :11])
    assert first[:11].max() < 0.03
    assert (first <= field[0] + 1e-6).all()
    np.testing.assert_allclose(first[30:40, 26:36], field[0, 30:40, 26:36], rtol=1e-6)
    assert second[30:40, 26:36].max() < 1e-6


@pytest.mark.parametrize("mode", ["max", "sum", "mixed"])
def test_layers_give_the_blend_around_the_middle(answer, field, mode):
    first, second = deblend_middle(answer, field, STAMP, mode)[0]
    total = first + second if mode == "sum" else np.maximum(first, second)
    np.testing.assert_allclose(total[:11], field[0, :11], atol=1e-6)
    level = np.median(field) / (2 if mode == "sum" else 1)
    assert np.median(first[:11]) == pytest.approx(level, abs=0.002)


def test_the_answer_fades_out(field):
    white = np.ones_like(field)
    first = deblend_middle(lambda blends: swapped(np.ones_like(blends)), white * 0, STAMP, "max")
    profile = first[0, 0, 35, :, 0]
    start = (61 - SIDE) // 2
    assert (np.diff(profile[start : start + MARGIN]) > 0).all()
    assert profile[start + MARGIN // 2] == pytest.approx(0.5, abs=0.07)
    np.testing.assert_allclose(profile[start + MARGIN : start + MARGIN + STAMP], 1, atol=1e-6)
    assert (profile[:start] == 0).all()


def test_black_beyond_an_edge_is_no_sky(answer, field):
    moved = np.zeros((1, 140, 122, 3), np.float32)
    moved[:, 35:105, 30:91] = field
    first = deblend_middle(answer, moved, STAMP, "max")[0, 0]
    assert np.median(first[36:45, 35:85]) == pytest.approx(np.median(field), abs=0.003)
    assert first[:35].max() == 0


@pytest.mark.parametrize("angle", [5, 45])
def test_black_corners_of_a_turned_picture_are_no_sky(answer, angle):
    sky = np.random.default_rng(0).normal(0.1, 0.01, (140, 140, 1)).clip(0.01).astype(np.float32)
    turned = ndimage.rotate(sky, angle, order=0)[None]
    first = deblend_middle(answer, turned, STAMP, "max")[0, 0]
    middle = turned.shape[1] // 2
    around = first[middle - 60 : middle - 50, middle - 5 : middle + 5]
    assert np.median(around) == pytest.approx(0.1, abs=0.01)


def test_a_sky_that_is_black_is_sky(answer):
    picture = np.zeros((1, 120, 122, 3), np.float32)
    picture[:, 10:20, 10:20] = picture[:, 90:100, 95:110] = 0.5
    first, second = deblend_middle(answer, picture, STAMP, "max")[0]
    assert first.max() == 0
    np.testing.assert_array_equal(second, picture[0])


def test_an_image_without_light(answer):
    assert deblend_middle(answer, np.zeros((1, 70, 70, 1), np.float32), STAMP, "sum").max() == 0
