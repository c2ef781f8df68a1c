import math

import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES, BRIGHT, FAINT, SKY, SOFTENING, superpose


def mixed(first, second):
    """One pixel of the mixed blend, written out."""
    brighter, fainter = max(first, second), min(first, second)
    if brighter <= FAINT:
        return brighter + fainter
    if brighter >= BRIGHT:
        return brighter
    ramp = (BRIGHT - brighter) / (BRIGHT - FAINT)
    return brighter + fainter * (3 * ramp**2 - 2 * ramp**3)


PIXEL = {"max": max, "sum": lambda first, second: min(1.0, first + second), "mixed": mixed}


@pytest.mark.parametrize("mode", PIXEL)
def test_every_pixel_equals_the_reference(mode):
    first, second = np.random.default_rng(0).random((2, 9, 8, 3), dtype=np.float32) ** 2
    blend = BLEND_MODES[mode](first, second)
    expected = [PIXEL[mode](*pair) for pair in zip(first.flat, second.flat, strict=True)]
    assert blend.dtype == np.float32
    np.testing.assert_allclose(blend.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("mode", PIXEL)
def test_a_brighter_galaxy_never_makes_a_darker_blend(mode):
    levels = np.linspace(0, 1, 401, dtype=np.float32)
    blend = BLEND_MODES[mode](levels[:, None], levels[None])
    assert np.diff(blend, axis=0).min() >= -1e-6
    np.testing.assert_array_equal(blend, blend.T)
    assert blend.min() == 0
    assert blend.max() == 1


def test_mixed_is_sum_where_faint_and_max_where_bright():
    assert math.isclose(
        BLEND_MODES["mixed"](np.float32(0.04), np.float32(0.03)), 0.07, rel_tol=1e-5
    )
    assert BLEND_MODES["mixed"](np.float32(0.75), np.float32(0.6)) == np.float32(0.75)


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_lupton_leaves_a_galaxy_without_another_as_it_is(bands):
    lupton = BLEND_MODES["lupton"]
    galaxy = np.random.default_rng(0).random((9, 8, bands), dtype=np.float32) ** 3
    np.testing.assert_allclose(lupton(galaxy, np.zeros_like(galaxy)), galaxy, atol=1e-6)
    np.testing.assert_allclose(lupton(np.zeros_like(galaxy), galaxy), galaxy, atol=1e-6)
    sky = np.full_like(galaxy, SKY)
    bright = SKY + (1 - SKY) * galaxy
    np.testing.assert_allclose(lupton(sky, sky), sky, atol=1e-6)
    np.testing.assert_allclose(lupton(bright, sky).mean(), bright.mean(), atol=3e-3)
    np.testing.assert_array_equal(lupton(bright, sky), lupton(sky, bright))


def test_two_equal_galaxies_are_a_factor_of_two_brighter_before_the_stretch():
    grey = np.full((1, 1, 3), 0.5, np.float32)
    expected = 0.5 + math.log(2) / (10 * math.asinh(0.8))
    np.testing.assert_allclose(BLEND_MODES["lupton"](grey, grey), expected, atol=1e-3)


def test_lupton_is_the_picture_of_the_light_of_both():
    visualization = pytest.importorskip("astropy.visualization")

    def picture(light):
        bands = np.moveaxis(light, -1, 0)
        options = {"minimum": 0, "stretch": 8, "Q": 8, "output_dtype": np.float64}
        return visualization.make_lupton_rgb(*bands, **options).astype(np.float32)

    numbers = np.random.default_rng(0)
    first, second = (
        80 * numbers.random((2, 30, 20, 1)) ** 4 * numbers.uniform(0.8, 1.2, (2, 1, 1, 3))
    )
    sky = math.sinh(SOFTENING * SKY)
    blend = BLEND_MODES["lupton"](picture(first + sky), picture(second + sky))
    np.testing.assert_allclose(blend, picture(first + second + sky), atol=1e-5)


def test_lupton_dims_what_is_too_bright_with_its_colour():
    red = np.full((1, 1, 3), [0.99, 0.1, 0.1], np.float32)
    blend = BLEND_MODES["lupton"](red, red)[0, 0]
    assert blend[0] == 1
    np.testing.assert_allclose(blend[1:] / blend[0], red[0, 0, 1:] / red[0, 0, 0], rtol=0.03)


def test_an_unknown_mode_lists_those_there_are():
    with pytest.raises(ValueError, match=r"'lupton', 'max', 'mixed', 'sum'.*Received: 'min'"):
        BLEND_MODES["min"]


def test_modes_of_packages_must_not_write_into_the_galaxies():
    first, second = np.random.default_rng(0).random((2, 5, 4, 3))
    before = first.copy()
    with pytest.raises(ValueError, match="read-only"):
        superpose(lambda a, b: np.add(a, b, out=a), first, second)
    np.testing.assert_array_equal(first, before)
    np.testing.assert_array_equal(superpose(np.maximum, first, second), np.maximum(first, second))
    first += 1  # the caller still may


@pytest.mark.parametrize(
    ("mode", "received"),
    [
        (lambda a, b: 3 * a + b, r"\(5, 4, 3\), 0.* to [1-4]"),
        (lambda a, b: a - 2, r"to -1"),
        (lambda a, b: a * np.nan, "nan"),
        (lambda a, b: a[..., 0], r"\(5, 4\)"),
    ],
)
def test_modes_of_packages_must_give_images(mode, received):
    first, second = np.random.default_rng(0).random((2, 5, 4, 3))
    with pytest.raises(ValueError, match=rf"must give images in \[0, 1\].*Received: .*{received}"):
        superpose(mode, first, second)
