import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from kdeblend.deblenders.peaks import find_peaks, first_guess, psf_width
from kdeblend.deblenders.search import matched_psnr, search
from kdeblend.deblenders.segments import SegmentDeblender, brightest, share_light
from kdeblend.deblenders.sky import sky_of, with_sky
from kdeblend.deblenders.sources import SourcesDeblender
from kdeblend.metrics.psnr import psnr

RNG = np.random.default_rng(7)


def gaussian(centre, sigma, shape=(32, 40)):
    rows, columns = np.indices(shape)
    return np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 2 / sigma**2)


def halves(shape=(16, 20)):
    labels = np.ones(shape, int)
    labels[:, shape[1] // 2 :] = 2
    return labels


@pytest.fixture
def blend():
    return RNG.random((16, 20, 3)).astype(np.float32)


def test_sky_is_measured_under_sources():
    image = RNG.normal([0.1, 0.2], 0.02, (60, 60, 2))
    image[20:35, 20:35] += 0.5
    level, noise = sky_of(image)
    np.testing.assert_allclose(level, [0.1, 0.2], atol=0.003)
    np.testing.assert_allclose(noise, 0.02, rtol=0.1)


def test_sky_without_noise_has_that_of_8_bits():
    level, noise = sky_of(np.full((10, 10, 1), 0.25))
    assert (level[0], noise[0]) == (0.25, 1 / 512)


def test_missing_layers_are_sky():
    blend = np.full((8, 9, 2), 0.5)
    found = with_sky(np.zeros((1, 8, 9, 2)), blend)
    np.testing.assert_array_equal(found[1], blend)
    assert len(with_sky(found, blend)) == 2


@pytest.mark.parametrize("softness", [0.0, 2.0])
def test_shares_add_up_to_the_light(blend, softness):
    sky, _ = sky_of(blend)
    layers = share_light(blend, halves(), softness)
    np.testing.assert_allclose((layers - sky).sum(axis=0), blend - sky, atol=1e-12)


def test_without_softness_each_pixel_has_one_owner(blend):
    sky, _ = sky_of(blend)
    first, second = share_light(blend, halves(), 0.0)
    np.testing.assert_allclose(first[:, :10], blend[:, :10])
    np.testing.assert_allclose(first[:, 10:], np.broadcast_to(sky, (16, 10, 3)))
    np.testing.assert_allclose(second[:, 10:], blend[:, 10:])


def test_light_changes_hands_over_the_softness():
    image = np.full((16, 40, 1), 0.5)
    image[::2] = 0.4  # neither sky nor source is constant, so that the sky is between
    labels = halves((16, 40))
    sky, _ = sky_of(image)
    share = (share_light(image, labels, 3.0)[0] - sky)[1, :, 0] / (image - sky)[1, :, 0]
    assert share[:5].min() > 0.99
    assert share[-5:].max() < 0.01
    assert (np.diff(share) <= 1e-12).all()
    np.testing.assert_allclose(share + share[::-1], 1, atol=1e-9)
    inside = (share > 0.16) & (share < 0.84)  # one standard deviation either way
    assert inside.sum() == pytest.approx(6, abs=1)


def test_pixels_of_no_source_go_to_the_nearest_ellipse():
    shape = (64, 90)
    long, small = gaussian((16, 14), 6, shape), gaussian((16, 32), 1.5, shape)
    labels = np.where(long > 0.4, 1, 0) + np.where(small > 0.4, 2, 0)
    layers = share_light(np.maximum(long, small)[..., None] + 0.1, labels, 0.0)
    owner = layers[..., 0].argmax(axis=0)
    assert owner[16, 25] == 0  # 7 pixels from the small one, 11 from the large one
    assert owner[16, 36] == 1


def test_no_segment_gives_no_layer(blend):
    assert share_light(blend, np.zeros((16, 20), int), 1.0).shape == (0, 16, 20, 3)


def test_the_brightest_segments_stay():
    labels = np.array([[0, 3, 3], [5, 5, 9]])
    light = np.array([[9.0, 1, 1], [3, 3, 1]])
    np.testing.assert_array_equal(brightest(labels, light, 2), [[0, 2, 2], [1, 1, 0]])
    np.testing.assert_array_equal(brightest(labels * 0, light, 2), labels * 0)


def test_a_segment_deblender_sees_light_above_the_sky_and_a_threshold_in_its_units():
    seen = {}

    class Recorder(SegmentDeblender):
        name = "recorder"
        threshold = 4.0

        def segment(self, light, threshold):
            seen.update(light=light, threshold=threshold)
            return np.zeros(light.shape, int)

    image = RNG.normal(0.2, 0.03, (50, 50, 1)).astype(np.float32)
    layers = Recorder().sources(image)
    assert abs(np.median(seen["light"])) < 1e-3
    assert seen["threshold"] == pytest.approx(4 * 0.03, rel=0.05)
    np.testing.assert_allclose(layers, np.median(image), atol=1e-4)


def test_peaks_begin_in_the_middle():
    light = gaussian((15, 21), 2) * 0.3 + gaussian((5, 6), 2) + gaussian((28, 30), 2) * 0.5
    light += RNG.normal(0, 0.001, light.shape)
    peaks = find_peaks(light, 20.0, 3)
    np.testing.assert_array_equal(peaks, [[15, 21], [5, 6], [28, 30]])
    np.testing.assert_array_equal(find_peaks(light, 20.0, 2), peaks[:2])


def test_the_first_guess_is_symmetric_and_leaves_the_neighbour_out():
    galaxy, neighbour = gaussian((15, 20), 3), gaussian((15, 32), 2)
    guess = first_guess(galaxy + neighbour, np.array([15, 20]))
    np.testing.assert_allclose(guess[:, 1:40], guess[:, 1:40][:, ::-1])
    np.testing.assert_allclose(guess, galaxy, atol=0.01)


@pytest.mark.parametrize("sigma", [1.2, 2.0])
def test_the_width_of_stars_is_that_of_the_point_spread_function(sigma):
    stars = [gaussian((16, 20), sigma)[..., None] * 0.8 for _ in range(3)]
    assert psf_width(np.array(stars)) == pytest.approx(sigma, abs=0.05)


def test_without_peaks_the_width_is_one_pixel():
    assert psf_width(np.full((1, 16, 16, 3), 0.1)) == 1.0


class Shaded(SourcesDeblender):
    """Gives the truth darkened by its settings: best at `shade` 1 and `other` 3."""

    name = "shaded"
    shade, other = 5, 5

    def sources(self, blend):
        wrong = 3 * abs(self.shade - 1) + abs(self.other - 3) * (self.shade == 1)
        return np.stack([blend * (1 - wrong / 20), blend * 0])


def test_search_takes_one_attribute_after_the_other():
    blends = RNG.random((2, 8, 8, 1)).astype(np.float32)
    truth = np.stack([blends, blends * 0], axis=1)
    deblender = Shaded()
    chosen = search(deblender, {"other": (1, 3), "shade": (0, 1, 2)}, blends, truth)
    assert chosen == {"other": 3, "shade": 1}
    assert (deblender.other, deblender.shade) == (3, 1)


def test_a_tie_leaves_what_was_there():
    blends = np.zeros((1, 8, 8, 1), np.float32)
    truth = np.zeros((1, 2, 8, 8, 1), np.float32)
    assert search(Shaded(), {"shade": (1, 2)}, blends, truth) == {"shade": 5}


def test_matched_psnr_pairs_the_sources_with_the_galaxies():
    truth = RNG.random((1, 2, 8, 8, 3))
    found = np.stack([RNG.random((8, 8, 3)), truth[0, 1] * 0.9, truth[0, 0] * 0.8])

    class Finder(SourcesDeblender):
        name = "finder"

        def sources(self, blend):
            return found

    table = np.array([[psnr(t, f) for f in found] for t in truth[0]])
    rows, columns = linear_sum_assignment(-table)
    expected = table[rows, columns].mean()
    assert list(columns) == [2, 1]
    score = matched_psnr(Finder(), truth.max(axis=1), truth)
    assert score == pytest.approx(expected, rel=1e-5)


def test_matched_psnr_compares_a_galaxy_without_a_source_with_black():
    truth = RNG.random((1, 2, 8, 8, 3))

    class Half(SourcesDeblender):
        name = "half"

        def sources(self, blend):
            return truth[0, :1]

    score = matched_psnr(Half(), truth.max(axis=1), truth)
    assert score == pytest.approx((100 + psnr(truth[0, 1], np.zeros((8, 8, 3)))) / 2, rel=1e-5)
