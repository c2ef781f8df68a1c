import numpy as np
import pytest

from kdeblend.deblenders.centring import centre_field, cut_out


@pytest.mark.parametrize("shape", [(8, 9), (9, 8), (20, 20)])
@pytest.mark.parametrize("centre", [(0, 0), (7, 7), (3, 5), (4, 4)])
def test_pixel_comes_to_the_middle_and_nothing_is_lost(shape, centre):
    image = np.random.default_rng(0).random((*shape, 3))
    field = centre_field(image, centre)
    height, width, _ = field.pixels.shape
    assert height % 2 == width % 2 == 1
    np.testing.assert_array_equal(
        field.pixels[height // 2, width // 2], image[centre[1], centre[0]]
    )
    np.testing.assert_array_equal(field.wanted(field.pixels), image)
    assert field.pixels.sum() == pytest.approx(image.sum())


def test_each_band_is_padded_with_its_level():
    field = centre_field(np.zeros((9, 9, 3)), (0, 8), np.array([0.1, 0.2, 0.3])).pixels
    np.testing.assert_array_equal(field[0, -1], 0)
    np.testing.assert_array_equal(field[0, 0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(field[-1, -1], [0.1, 0.2, 0.3])


def test_field_is_no_larger_than_needed():
    field = centre_field(np.zeros((9, 9, 3)), (4, 4)).pixels
    assert field.shape == (9, 9, 3)
    field = centre_field(np.zeros((9, 9, 3)), (4, 0)).pixels
    assert field.shape == (17, 9, 3)


@pytest.mark.parametrize("centre", [(9, 0), (0, 8), (-1, 0)])
def test_centre_must_be_on_the_image(centre):
    with pytest.raises(ValueError, match="9 x 8 pixels"):
        centre_field(np.zeros((8, 9, 3)), centre)
    with pytest.raises(ValueError, match="9 x 8 pixels"):
        cut_out(np.zeros((8, 9, 3)), centre, 8, 8, lambda part: 0)


def mean(part):
    return part.mean((0, 1))


@pytest.mark.parametrize("size", [8, 9, 30])
@pytest.mark.parametrize("seen", [4, 8, 13, 40])
@pytest.mark.parametrize("centre", [(0, 0), (17, 12), (9, 5)])
def test_a_square_is_cut_out_around_a_pixel(size, seen, centre):
    image = np.random.default_rng(0).integers(1, 255, (13, 18, 3), np.uint8)
    field = cut_out(image, centre, size, seen, mean)
    x, y = centre
    frame = np.zeros((13 + 100, 18 + 100, 3), np.float32)
    frame[50:-50, 50:-50] = image / np.float32(255)
    rows, columns = (slice(at + 50 - size // 2, at + 50 - size // 2 + size) for at in (y, x))
    np.testing.assert_allclose(field.wanted(field.pixels), frame[rows, columns], atol=1e-6)
    half = [min(max(at, n - 1 - at), max(size, seen) // 2) for at, n in ((y, 13), (x, 18))]
    rows, columns = (slice(at + 50 - h, at + 51 + h) for at, h in zip((y, x), half, strict=True))
    shown = frame[rows, columns]
    on_image = shown.any(axis=-1)
    assert field.pixels.shape == shown.shape
    np.testing.assert_allclose(field.pixels[on_image], shown[on_image], atol=1e-6)
    beyond = field.pixels[~on_image]
    np.testing.assert_allclose(
        beyond, np.broadcast_to(mean(shown[on_image][None]), beyond.shape), atol=1e-5
    )


@pytest.mark.parametrize("size", [8, 9, 30])
def test_without_a_pixel_it_is_the_middle(size):
    image = np.random.default_rng(0).integers(1, 255, (13, 18, 3), np.uint8)
    wanted = cut_out(image, None, size, 8, mean)
    frame = np.pad(image / np.float32(255), ((50, 50), (50, 50), (0, 0)))
    rows, columns = (slice(50 + (n - size) // 2, 50 + (n - size) // 2 + size) for n in (13, 18))
    np.testing.assert_allclose(wanted.wanted(wanted.pixels), frame[rows, columns], atol=1e-6)
