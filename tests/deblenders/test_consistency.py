import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.deblenders.consistency import make_consistent

RNG = np.random.default_rng(2)
SHAPE = (3, 2, 6, 7, 3)


@pytest.fixture
def truth():
    faint_to_bright = RNG.random(SHAPE) ** 2
    return faint_to_bright.astype(np.float32)


def blend_of(truth, mode):
    return BLEND_MODES[mode](truth[:, 0], truth[:, 1])


def noisy(truth):
    return (truth + RNG.normal(0, 0.3, truth.shape)).astype(np.float32)


@pytest.mark.parametrize("mode", ["max", "sum", "mixed"])
def test_truth_is_left_alone(truth, mode):
    layers = make_consistent(blend_of(truth, mode), truth, mode)
    np.testing.assert_allclose(layers, truth, atol=1e-6)
    assert layers.dtype == np.float32


def test_max_gives_the_blend(truth):
    blend = blend_of(truth, "max")
    layers = make_consistent(blend, noisy(truth), "max")
    np.testing.assert_array_equal(layers.max(axis=1), blend)
    assert layers.min() >= 0


def test_max_against_pixel_loop(truth):
    blend, given = blend_of(truth, "max"), noisy(truth)
    layers = make_consistent(blend, given, "max")
    for n, y, x, band in np.ndindex(blend.shape):
        pair = given[n, :, y, x, band]
        whole = blend[n, y, x, band]
        expected = [min(max(value, 0), whole) for value in pair]
        expected[0 if pair[0] >= pair[1] else 1] = whole
        np.testing.assert_array_equal(layers[n, :, y, x, band], np.float32(expected))


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_max_raises_the_central_galaxy_of_equal_ones(value):
    blend = np.full((1, 1, 1, 1), 0.5, np.float32)
    layers = make_consistent(blend, np.full((1, 2, 1, 1, 1), value, np.float32), "max")
    np.testing.assert_array_equal(layers.ravel(), np.float32([0.5, value]))


def test_sum_conserves_flux_where_not_saturated(truth):
    blend = blend_of(truth, "sum")
    layers = make_consistent(blend, noisy(truth), "sum")
    total = layers.sum(axis=1)
    saturated = blend >= 1
    assert 0 < saturated.mean() < 1
    np.testing.assert_allclose(total[~saturated], blend[~saturated], atol=1e-6)
    assert total[saturated].min() >= 1 - 1e-6
    assert layers.min() >= 0
    assert layers.max() <= 1


def test_sum_where_both_are_empty():
    blend = np.array([0.0, 0.4, 1.0], np.float32).reshape(1, 3, 1, 1)
    layers = make_consistent(blend, np.zeros((1, 2, 3, 1, 1), np.float32), "sum")
    np.testing.assert_allclose(layers[0, :, :, 0, 0], [[0, 0.2, 0.5]] * 2)


def test_sum_keeps_saturated_layers_that_exceed_the_blend():
    blend = np.ones((1, 1, 1, 1), np.float32)
    layers = np.float32([0.9, 0.6]).reshape(1, 2, 1, 1, 1)
    np.testing.assert_array_equal(make_consistent(blend, layers, "sum"), layers)


def test_sum_is_the_nearest_pair():
    fractions = np.linspace(0, 1, 2001)
    for whole, first, second in RNG.random((50, 3)) * [0.99, 1, 1]:
        pairs = np.stack([fractions * whole, (1 - fractions) * whole], axis=1)
        nearest = pairs[np.argmin(((pairs - [first, second]) ** 2).sum(axis=1))]
        layers = make_consistent(
            np.float32(whole).reshape(1, 1, 1, 1),
            np.float32([first, second]).reshape(1, 2, 1, 1, 1),
            "sum",
        )
        np.testing.assert_allclose(layers.ravel(), nearest, atol=1e-3)


@pytest.mark.parametrize("mode", ["sum", "mixed"])
def test_error_never_grows_in_any_pixel(truth, mode):
    given = noisy(truth)
    layers = make_consistent(blend_of(truth, mode), given, mode)
    before = ((given - truth) ** 2).sum(axis=1)
    after = ((layers - truth) ** 2).sum(axis=1)
    assert (after <= before + 1e-6).all()
    assert after.mean() < 0.8 * before.mean()


def test_mixed_cuts_to_the_blend(truth):
    blend, given = blend_of(truth, "mixed"), noisy(truth)
    layers = make_consistent(blend, given, "mixed")
    np.testing.assert_array_equal(layers, np.clip(given, 0, blend[:, None]))


def test_errors(truth):
    with pytest.raises(ValueError, match="Received"):
        make_consistent(truth[:, 0], truth[:, 0], "max")


def test_of_an_unknown_mode_layers_are_only_cut(truth):
    layers = make_consistent(truth[:, 0], 2 * truth, "of a package that is not there")
    np.testing.assert_array_equal(layers, np.minimum(2 * truth, 1))
