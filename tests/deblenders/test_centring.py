import numpy as np
import pytest

from kdeblend.deblenders.centring import centre_field


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (20, 20)])
@pytest.mark.parametrize("centre", [(0, 0), (7, 7), (3, 5), (4, 4)])
def test_pixel_comes_to_the_middle_and_nothing_is_lost(shape, centre):
    image = np.random.default_rng(0).random((*shape, 3))
    field, inside = centre_field(image, centre)
    height, width, _ = field.shape
    assert height % 2 == width % 2 == 1
    np.testing.assert_array_equal(field[height // 2, width // 2], image[centre[1], centre[0]])
    np.testing.assert_array_equal(field[inside], image)
    assert field.sum() == pytest.approx(image.sum())


def test_each_band_is_padded_with_its_level():
    field, _ = centre_field(np.zeros((9, 9, 3)), (0, 8), np.array([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(field[0, -1], 0)
    np.testing.assert_array_equal(field[0, 0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(field[-1, -1], [0.1, 0.2, 0.3])


def test_field_is_no_larger_than_needed():
    field, _ = centre_field(np.zeros((9, 9, 3)), (4, 4))
    assert field.shape == (9, 9, 3)
    field, _ = centre_field(np.zeros((9, 9, 3)), (4, 0))
    assert field.shape == (17, 9, 3)


@pytest.mark.parametrize("centre", [(9, 0), (0, 8), (-1, 0)])
def test_centre_must_be_on_the_image(centre):
    with pytest.raises(ValueError, match="9 x 8 pixels"):
        centre_field(np.zeros((8, 9, 3)), centre)
