import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kdeblend.metrics import METRICS

NAMES = ["psnr", "ssim", "ssim_range2"]


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    truth = rng.random((20, 24, 3)).astype(np.float32)
    return truth, np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1).astype(np.float32)


def test_registry_lists_them():
    assert list(METRICS)[:3] == NAMES


def test_equal_to_scikit_image(pair):
    assert METRICS["psnr"](*pair) == pytest.approx(
        peak_signal_noise_ratio(*pair, data_range=1), abs=1e-6
    )
    for name, data_range in [("ssim", 1), ("ssim_range2", 2)]:
        expected = structural_similarity(*pair, data_range=data_range, channel_axis=-1)
        assert METRICS[name](*pair) == pytest.approx(expected, abs=1e-6)
    assert METRICS["ssim"](*pair) < METRICS["ssim_range2"](*pair)


def test_psnr_closed_form():
    truth = np.zeros((8, 8, 3), np.float32)
    assert METRICS["psnr"](truth, truth + 0.1) == pytest.approx(20, abs=1e-5)


def test_equal_images_are_perfect(pair):
    assert METRICS["psnr"](pair[0], pair[0]) == math.inf
    assert METRICS["ssim"](pair[0], pair[0]) == pytest.approx(1)


def test_mask_against_numpy(pair):
    truth, prediction = pair
    valid = np.zeros((20, 24), bool)
    valid[4:15, 5:20] = True
    error = np.mean((truth[4:15, 5:20].astype(float) - prediction[4:15, 5:20]) ** 2)
    assert METRICS["psnr"](truth, prediction, valid) == pytest.approx(-10 * math.log10(error))
    _, similarity = structural_similarity(*pair, data_range=2, channel_axis=-1, full=True)
    assert METRICS["ssim_range2"](truth, prediction, valid) == pytest.approx(
        similarity[7:12, 8:17].mean(), abs=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
def test_mask_that_leaves_out_nothing_changes_nothing(pair, name):
    everything = np.ones((20, 24), bool)
    assert METRICS[name](*pair, everything) == METRICS[name](*pair)


@pytest.mark.parametrize("name", NAMES)
def test_invalid_pixels_have_no_influence(pair, name):
    truth, prediction = pair
    valid = np.ones((20, 24), bool)
    valid[3:6, 12:] = False
    spoilt = prediction.copy()
    spoilt[~valid] = 0
    assert METRICS[name](truth, spoilt) < METRICS[name](truth, prediction)
    clean = METRICS[name](truth, prediction, valid)
    assert METRICS[name](truth, spoilt, valid) == pytest.approx(clean, rel=1e-12)


def test_ssim_without_a_whole_valid_window_is_not_a_number(pair):
    valid = np.zeros((20, 24), bool)
    valid[::2] = True
    assert math.isnan(METRICS["ssim"](*pair, valid))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("prediction", "valid"),
    [
        (np.zeros((20, 20, 3)), None),
        (np.zeros((20, 24, 3)), np.ones((4, 4), bool)),
        (np.zeros((20, 24, 3)), np.ones((20, 24))),
        (np.zeros((20, 24, 3)), np.zeros((20, 24), bool)),
    ],
)
def test_errors(pair, name, prediction, valid):
    with pytest.raises(ValueError, match="Received"):
        METRICS[name](pair[0], prediction, valid)
