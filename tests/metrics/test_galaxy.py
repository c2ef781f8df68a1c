import math

import numpy as np
import pytest
from skimage.filters import gaussian as smooth
from skimage.measure import label, regionprops

from kdeblend.metrics import METRICS
from kdeblend.metrics.adaptive import adaptive_moments
from kdeblend.metrics.context import Context
from kdeblend.metrics.galaxy import find_galaxy, hidden_pixels

SHAPE = (61, 65)
OF_GALAXIES = [
    *("total_flux_error", "aperture_flux_error", "colour_error", "centroid_shift"),
    *("ellipticity_error", "size_error", "segmentation_iou", "blendedness_error"),
    *("psnr_visible", "psnr_hidden", "flux_conservation"),
]
RNG = np.random.default_rng(4)


def gaussian(centre=(30.0, 32.0), covariance=((16.0, 0.0), (0.0, 16.0)), flux=(40.0,), sky=0.0):
    """Draw a galaxy `(61, 65, bands)` whose light is `flux` by band, on a flat sky."""
    offsets = np.moveaxis(np.indices(SHAPE), 0, -1) - np.asarray(centre)
    inverse = np.linalg.inv(covariance)
    light = np.exp(-0.5 * np.einsum("...i,ij,...j", offsets, inverse, offsets))
    light /= 2 * np.pi * np.sqrt(np.linalg.det(covariance))
    return light[..., None] * np.asarray(flux) + sky


def turned(major, minor, angle):
    """Return the covariance (row, column) of an ellipse turned from the x to the y axis."""
    x, y = np.cos(angle), np.sin(angle)
    axes = np.array([[y, x], [x, -y]])  # rows: major and minor axis as (row, column)
    return axes.T @ np.diag([major**2, minor**2]) @ axes


def measure(name, truth, prediction, other=None, other_prediction=None, valid=None):
    """Call a metric as scoring does, in a blend that is the sum."""
    other = np.zeros_like(truth) if other is None else other
    found = other if other_prediction is None else other_prediction
    context = Context(truth + other, other, found, np.add)
    needs = name in ("psnr_visible", "psnr_hidden", "blendedness_error", "flux_conservation")
    return METRICS[name](truth, prediction, valid, **({"context": context} if needs else {}))


def test_footprint_is_that_of_scikit_image():
    truth = gaussian(flux=(30.0, 50.0, 20.0), sky=0.05) + gaussian((8, 9), flux=(9.0, 9.0, 9.0))
    truth += RNG.normal(0, 0.004, truth.shape)
    galaxy = find_galaxy(truth)
    grey = truth.mean(axis=-1)
    sky = np.median(grey[galaxy.background])
    labels = label(smooth(grey - sky, 1, mode="nearest") > galaxy.threshold, connectivity=2)
    brightest = max(regionprops(labels, grey), key=lambda r: r.intensity_mean * r.area)
    expected = labels == brightest.label
    assert (galaxy.footprint ^ expected).sum() <= 0.02 * expected.sum()
    np.testing.assert_allclose(galaxy.centre, brightest.centroid_weighted, atol=0.1)
    np.testing.assert_allclose(galaxy.sky, 0.05, atol=0.001)
    assert not galaxy.footprint[8, 9]


def test_a_mask_can_be_given_by_its_name():
    truth = np.full((20, 20, 3), 0.01)
    truth[5:9, 5:9] = 0.5
    valid = np.ones((20, 20), bool)
    galaxies = [find_galaxy(truth), find_galaxy(truth, valid), find_galaxy(truth, valid=valid)]
    for galaxy in galaxies:
        np.testing.assert_array_equal(galaxy.footprint, galaxies[0].footprint)


def test_black_surroundings_are_no_sky():
    truth = np.zeros((*SHAPE, 3))
    truth[10:50, 12:54] = gaussian(flux=(60.0,) * 3, sky=0.1)[10:50, 12:54]
    galaxy = find_galaxy(truth)
    np.testing.assert_allclose(galaxy.sky, 0.1, atol=2e-3)
    assert not galaxy.background[:10].any()


def test_hidden_is_where_the_other_galaxy_is_brighter():
    covariance = np.eye(2) * 16
    left, right = (gaussian((30, x), covariance, (80.0,), 0.01) for x in (26, 38))
    hidden = hidden_pixels(left, right)
    assert hidden[30, 33:].any()
    assert not hidden[:, :32].any()  # of two equal ones the border is half way
    np.testing.assert_array_equal(hidden, find_galaxy(right).footprint & (right > left)[..., 0])


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.3])
def test_flux_errors_of_a_dimmed_galaxy(factor):
    truth = gaussian(flux=(60.0, 40.0, 50.0), sky=0.03)
    prediction = gaussian(flux=(60.0 * factor, 40.0 * factor, 50.0 * factor), sky=0.05)
    expected = -2.5 * math.log10(factor)
    for name in ("total_flux_error", "aperture_flux_error"):
        assert measure(name, truth, prediction) == pytest.approx(expected, abs=1e-3)
    assert measure("colour_error", truth, prediction) == pytest.approx(0, abs=1e-3)


def test_flux_errors_of_a_widened_galaxy():
    """With sigma 4 against 5 in an aperture of radius r the light is 1 - exp(-r²/2 sigma²)."""
    truth, wide = (gaussian(covariance=np.eye(2) * s**2, flux=(90.0,)) for s in (4, 5))
    size = find_galaxy(truth).size
    for name, radius in (
        ("total_flux_error", 3 * size),
        ("aperture_flux_error", math.sqrt(2 * math.log(2)) * size),
    ):
        inside = [-math.expm1(-(radius**2) / 2 / s**2) for s in (4, 5)]
        expected = -2.5 * math.log10(inside[1] / inside[0])
        assert measure(name, truth, wide) == pytest.approx(expected, rel=0.06)


def test_colour_error_by_hand():
    truth = gaussian(flux=(60.0, 40.0, 50.0))
    prediction = gaussian(flux=(60.0, 50.0, 50.0))
    first, second = 2.5 * math.log10(50 / 40), -2.5 * math.log10(50 / 40)
    expected = math.sqrt((first**2 + second**2) / 2)
    assert measure("colour_error", truth, prediction) == pytest.approx(expected, abs=1e-3)


def test_a_galaxy_that_has_lost_a_band_has_no_colours():
    truth = gaussian(flux=(60.0, 40.0, 50.0))
    assert math.isnan(measure("colour_error", truth, gaussian(flux=(60.0, 0.0, 50.0))))
    assert (
        measure("colour_error", gaussian(flux=(60.0, 0.0, 50.0, 50.0)), truth[..., [0, 1, 2, 2]])
        < 0.01
    )


@pytest.mark.parametrize(("ratio", "angle"), [(1.0, 0.0), (0.6, 0.4), (0.3, 2.0)])
def test_adaptive_moments_of_a_gaussian_are_its_own(ratio, angle):
    covariance = turned(6, 6 * ratio, angle)
    truth = gaussian((28.3, 34.6), covariance, (90.0, 60.0), sky=0.04)
    centre, moments = adaptive_moments(truth, truth)
    np.testing.assert_allclose(centre, (28.3, 34.6), atol=0.01)
    np.testing.assert_allclose(moments, covariance, atol=0.05)


def test_shape_errors_against_closed_forms():
    truth = gaussian((30, 32), turned(6, 3, 0.3), (80.0,))
    prediction = gaussian((31.5, 30), turned(7, 5, 1.1), (50.0,), sky=0.02)
    assert measure("centroid_shift", truth, prediction) == pytest.approx(2.5, abs=0.01)
    size = math.sqrt(7 * 5) / math.sqrt(6 * 3) - 1
    assert measure("size_error", truth, prediction) == pytest.approx(size, abs=0.01)
    shapes = [
        (1 - q**2) / (1 + q**2) * np.array([math.cos(2 * angle), math.sin(2 * angle)])
        for q, angle in ((3 / 6, 0.3), (5 / 7, 1.1))
    ]
    expected = math.hypot(*(shapes[0] - shapes[1]))
    assert measure("ellipticity_error", truth, prediction) == pytest.approx(expected, abs=0.01)


def test_adaptive_moments_look_past_a_faint_neighbour():
    truth = gaussian((30, 20), np.eye(2) * 9, (60.0,))
    leftover = gaussian((30, 55), np.eye(2) * 9, (20.0,))
    assert measure("centroid_shift", truth, truth + leftover) < 0.01


def test_overlap_of_two_squares():
    def square(left):
        image = np.zeros((*SHAPE, 1))
        image[20:40, left : left + 20] = 0.041  # the threshold is 0.02
        return image

    area = [find_galaxy(square(x)).footprint for x in (20, 28)]
    expected = (area[0] & area[1]).sum() / (area[0] | area[1]).sum()
    assert measure("segmentation_iou", square(20), square(28)) == pytest.approx(expected)
    assert expected == pytest.approx(12 / 28, abs=0.02)
    assert measure("segmentation_iou", square(20), square(44)) == 0


def test_segmentation_leaves_a_separate_leftover_aside():
    truth, leftover = gaussian((30, 15), flux=(90.0,)), gaussian((30, 52), flux=(120.0,))
    assert measure("segmentation_iou", truth, truth + leftover) == pytest.approx(1, abs=0.02)


def test_blendedness_knows_the_sky_beside_a_large_neighbour():
    truth = gaussian((30, 12), flux=(30.0,), sky=0.02)
    other = gaussian((30, 46), covariance=((300.0, 0.0), (0.0, 60.0)), flux=(500.0,))
    light = truth - 0.02
    blendedness = 1 - (light**2).sum() / ((light + other) * light).sum()
    found = measure("blendedness_error", truth, truth + other, other)
    assert found == pytest.approx(-blendedness, abs=0.01)  # the whole blend is alone


@pytest.mark.parametrize(("distance", "ratio"), [(0, 1), (6, 0.5), (10, 2)])
def test_blendedness_of_two_gaussians(distance, ratio):
    """Equal widths s at distance d, fluxes 1 and f: 1 - 1 / (1 + f exp(-d²/4s²))."""
    truth = gaussian((30, 28), flux=(60.0,))
    other = gaussian((30, 28 + distance), flux=(60.0 * ratio,))
    blendedness = 1 - 1 / (1 + ratio * math.exp(-(distance**2) / 4 / 16))
    found = measure("blendedness_error", truth, truth + other, other)
    assert found == pytest.approx(-blendedness, abs=0.003)
    assert measure("blendedness_error", truth, truth, other) == 0


def test_conservation_by_hand():
    truth, other = gaussian((30, 20), flux=(60.0,)), gaussian((30, 44), flux=(20.0,))
    assert measure("flux_conservation", truth, truth, other) == pytest.approx(0, abs=1e-12)
    # half of the first galaxy is missing: 30 of 80
    lost = measure("flux_conservation", truth, truth / 2, other)
    assert lost == pytest.approx(30 / 80, rel=1e-3)
    both = Context(np.maximum(truth, other), other, other, np.maximum)
    assert METRICS["flux_conservation"](truth, truth, context=both) == 0
    unknown = Context(truth, other, other, None)
    assert math.isnan(METRICS["flux_conservation"](truth, truth, context=unknown))


@pytest.mark.parametrize("name", ["psnr_hidden", "psnr_visible"])
def test_a_few_pixels_are_no_psnr(name, monkeypatch):
    truth = gaussian((30, 28), flux=(60.0,) * 3)
    context = Context(truth, truth, truth, None)
    for count in (9, 10):
        where = np.arange(truth[..., 0].size).reshape(truth.shape[:2]) < count
        hidden = where if name == "psnr_hidden" else ~where
        monkeypatch.setattr("kdeblend.metrics.psnr.hidden_pixels", lambda *_, found=hidden: found)
        decibels = METRICS[name](truth, truth + 0.1, context=context)
        assert math.isnan(decibels) == (count == 9)


def test_visible_and_hidden_make_up_the_whole():
    truth, other = gaussian((30, 28), flux=(60.0,) * 3), gaussian((30, 36), flux=(90.0,) * 3)
    prediction = truth + RNG.normal(0, 0.05, truth.shape)
    hidden = hidden_pixels(truth, other)
    errors = (prediction - truth) ** 2
    for name, where in (("psnr_hidden", hidden), ("psnr_visible", ~hidden)):
        expected = -10 * math.log10(errors[where].mean())
        assert measure(name, truth, prediction, other) == pytest.approx(expected)
    assert math.isnan(measure("psnr_hidden", truth, prediction))
    whole = METRICS["psnr"](truth, prediction)
    assert measure("psnr_visible", truth, prediction) == pytest.approx(whole)


@pytest.mark.parametrize("name", OF_GALAXIES)
@pytest.mark.parametrize("bands", [1, 3, 5])
def test_any_number_of_bands(name, bands):
    truth = gaussian((30, 28), flux=tuple(40.0 + 5 * i for i in range(bands)), sky=0.02)
    other = gaussian((30, 36), flux=(50.0,) * bands, sky=0.02)
    prediction = truth + 0.1 * other
    value = measure(name, truth, prediction, other)
    assert math.isfinite(value) != (name == "colour_error" and bands == 1)


@pytest.mark.parametrize("name", OF_GALAXIES)
def test_dark_saturated_and_flat_images(name):
    galaxy = gaussian(flux=(40.0,) * 3)
    dark, white, grey = (np.full_like(galaxy, level) for level in (0, 1, 0.3))
    for truth in (dark, white, grey):
        for prediction in (dark, white, galaxy, truth):
            measure(name, truth, prediction, galaxy)
    allowed = ("psnr_visible", "psnr_hidden", "flux_conservation")
    if name not in allowed:
        assert math.isnan(measure(name, dark, galaxy, galaxy))
    if name not in (*allowed, "segmentation_iou"):
        assert math.isnan(measure(name, galaxy, dark, galaxy))
    assert measure("segmentation_iou", galaxy, dark) == 0


@pytest.mark.parametrize("name", OF_GALAXIES)
def test_saturated_galaxy(name):
    truth = np.minimum(gaussian(flux=(900.0,) * 3, sky=0.02), 1)
    other = gaussian((30, 40), flux=(90.0,) * 3)
    value = measure(name, truth, truth, other)
    expected = {"psnr_visible": math.inf, "psnr_hidden": math.inf, "segmentation_iou": 1}
    if name == "psnr_hidden":
        assert math.isnan(value) or value == math.inf
    else:
        assert value == pytest.approx(expected.get(name, 0), abs=1e-9)


@pytest.mark.parametrize("name", OF_GALAXIES)
def test_invalid_pixels_have_no_influence(name):
    truth, other = gaussian((30, 28), flux=(60.0,) * 3), gaussian((30, 36), flux=(90.0,) * 3)
    prediction = truth + 0.2 * other
    valid = np.ones(SHAPE, bool)
    valid[28:31, 40:] = False
    clean = measure(name, truth, prediction, other, valid=valid)
    spoilt = [np.where(valid[..., None], image, 0.9) for image in (truth, prediction, other)]
    assert measure(name, *spoilt, valid=valid) == pytest.approx(clean, rel=1e-9)


@pytest.mark.parametrize("name", OF_GALAXIES)
def test_wrong_shapes(name):
    with pytest.raises(ValueError, match="same shape"):
        measure(name, gaussian(), gaussian()[:-1])
