import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from kdeblend.models.losses import fake_loss, log_mse, mse, real_loss

pytestmark = pytest.mark.backend


@pytest.fixture
def images():
    return np.random.default_rng(2).uniform(-1, 1, (2, 4, 6, 6, 3)).astype(np.float32)


def test_mse(images):
    truth, prediction = images
    assert float(mse(truth, prediction)) == pytest.approx(np.mean((truth - prediction) ** 2))


def test_log_mse_is_mean_psnr(images):
    truth, prediction = images
    psnr = [
        peak_signal_noise_ratio(t, p, data_range=2) for t, p in zip(truth, prediction, strict=True)
    ]
    expected = (20 * np.log10(2) - np.mean(psnr)) * np.log(10) / 10
    assert float(log_mse(truth, prediction)) == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(float(log_mse(truth, truth)))


def test_adversarial_losses_are_cross_entropies():
    logits = np.array([[-30.0], [-1.0], [0.0], [2.0], [30.0]], np.float64)
    probability = 1 / (1 + np.exp(-logits))
    single = logits.astype(np.float32)
    assert float(real_loss(single)) == pytest.approx(-np.log(probability).mean(), rel=1e-5)
    assert float(fake_loss(single)) == pytest.approx(np.mean(np.log1p(np.exp(logits))), rel=1e-5)
