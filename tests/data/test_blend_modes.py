import math

import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES, BRIGHT, FAINT, SOFTENING, superpose


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


def pictures(sky, bands=3, side=24):
    """Two pictures with a galaxy each on half of them, and plain sky around."""
    numbers = np.random.default_rng(0)
    galaxies = numbers.random((2, side, side, bands), dtype=np.float32) ** 3
    galaxies[0, side // 2 :] = galaxies[1, :, side // 2 :] = 0
    return sky + (1 - sky) * galaxies


@pytest.mark.parametrize("bands", [1, 3, 5])
def test_lupton_leaves_a_galaxy_without_another_as_it_is(bands):
    lupton = BLEND_MODES["lupton"]
    sky = np.float32(0.03)
    galaxy, _ = pictures(sky, bands)
    for other in (np.zeros_like(galaxy), np.full_like(galaxy, sky)):
        np.testing.assert_allclose(lupton(galaxy, other), galaxy, atol=1e-5)
        np.testing.assert_array_equal(lupton(other, galaxy), lupton(galaxy, other))
    black = np.zeros_like(galaxy)
    np.testing.assert_array_equal(lupton(black, black), black)


def test_two_equal_galaxies_are_a_factor_of_two_brighter_before_the_stretch():
    grey = np.zeros((9, 9, 3), np.float32)
    grey[4, 4] = 0.5
    grey[:3] = 0.001
    expected = 0.5 + math.log(2) / (10 * math.asinh(0.8))
    np.testing.assert_allclose(BLEND_MODES["lupton"](grey, grey)[4, 4], expected, atol=2e-4)


@pytest.mark.parametrize("sky", [0.001, 0.02, 0.2])
def test_lupton_is_the_picture_of_the_light_of_both(sky):
    visualization = pytest.importorskip("astropy.visualization")

    def picture(light):
        bands = np.moveaxis(light, -1, 0)
        options = {"minimum": 0, "stretch": 8, "Q": 8, "output_dtype": np.float64}
        return visualization.make_lupton_rgb(*bands, **options).astype(np.float32)

    light = 80 * pictures(0, bands=1) * np.array([0.8, 1.1, 1.2])
    level = math.sinh(SOFTENING * sky) * np.array([1.2, 1.0, 0.8])
    blend = BLEND_MODES["lupton"](*(picture(each + level) for each in light))
    np.testing.assert_allclose(blend, picture(light.sum(axis=0) + level), atol=1e-5)


@pytest.mark.parametrize("beyond", [0, 1e-5])
def test_the_sky_of_a_lupton_blend_is_that_of_one_picture_beyond_the_edge_of_the_other(beyond):
    sky = np.full((20, 20, 3), 0.1, np.float32)
    other = sky.copy()
    other[:5] = beyond
    np.testing.assert_allclose(BLEND_MODES["lupton"](sky, other), sky, atol=2e-4)


def test_lupton_dims_what_is_too_bright_with_its_colour():
    red = np.zeros((9, 9, 3), np.float32)
    red[4, 4] = 0.99, 0.1, 0.1
    red[:3] = 0.001
    blend = BLEND_MODES["lupton"](red, red)[4, 4]
    np.testing.assert_allclose(blend, red[4, 4] / 0.99, rtol=5e-3)


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
