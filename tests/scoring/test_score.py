"""Scores of deblenders and of answers that came with the blends."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.metrics import METRICS as ALL_METRICS
from kdeblend.scoring.blends import BlendSet
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.score import mean_psnr, score

METRICS = {name: ALL_METRICS[name] for name in ("psnr", "ssim", "ssim_range2")}


class Perfect(Deblender):
    name = "perfect"

    def __init__(self, blends: BlendSet):
        self.truth = np.concatenate([chunk.truth for chunk in blends.chunks()])
        self.blends = self.truth.max(axis=1)

    def deblend_batch(self, blends):
        distances = [np.abs(self.blends - blend).max(axis=(1, 2, 3)) for blend in blends]
        return self.truth[np.argmin(distances, axis=1)]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_scores_equal_scikit_image(npz, dtype, arrays):
    given = arrays(dtype=dtype)
    scores = score([IdentityDeblender()], ReadBlends(npz(**given)))
    unit = 255 if dtype == np.uint8 else 1
    truth, friend, blend = (given[n].astype(float) / unit for n in ("truth", "friend", "blend"))
    for n, layer in np.ndindex(3, 2):
        for name, found in (("friend", friend[n, layer]), ("identity", blend[n])):
            pair = truth[n, layer], found
            values = {metric: scores.values[name][metric][n, layer] for metric in METRICS}
            assert values["psnr"] == pytest.approx(peak_signal_noise_ratio(*pair, data_range=1))
            for metric, size in (("ssim", 1), ("ssim_range2", 2)):
                expected = structural_similarity(*pair, data_range=size, channel_axis=-1)
                assert values[metric] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(16, 18), (40, 16, 18)])
def test_invalid_pixels_do_not_count(npz, shape, arrays):
    given = arrays(40)
    clean = score([], ReadBlends(npz(**given, valid=None)), METRICS)
    valid = np.ones((16, 18), bool)
    valid[:4] = False
    masked = score([], ReadBlends(npz(**given, valid=np.broadcast_to(valid, shape))), METRICS)
    given["friend"][:, :, :4] = 255
    spoilt = score([], ReadBlends(npz(**given, valid=np.broadcast_to(valid, shape))), METRICS)
    for metric in METRICS:
        values = [s.values["friend"][metric] for s in (clean, masked, spoilt)]
        np.testing.assert_allclose(values[1], values[2], rtol=1e-12)
        assert (values[0] != values[1]).all()


def test_mean_psnr_is_over_both_galaxies_of_all_blends(npz, arrays):
    given = arrays(dtype=np.float32)
    means = mean_psnr([IdentityDeblender()], ReadBlends(npz(**given)))
    for name, found in (("identity", given["blend"][:, None]), ("friend", given["friend"])):
        error = np.mean((given["truth"].astype(float) - found) ** 2, axis=(2, 3, 4))
        assert means[name] == pytest.approx(np.mean(-10 * np.log10(error)))


def test_names_must_differ(npz, arrays):
    with pytest.raises(ValueError, match="differ"):
        score([IdentityDeblender(), IdentityDeblender()], ReadBlends(npz()))
    with pytest.raises(ValueError, match="differ"):
        score([IdentityDeblender()], ReadBlends(npz(identity=arrays()["friend"])))


def test_chunks_are_put_together_in_order(made):
    blends = made()
    progress = []
    perfect = Perfect(blends)
    scores = score([perfect, IdentityDeblender()], blends, METRICS, progress.append)
    assert progress == [32, 32, 8, 8]
    assert np.isinf(scores.values["perfect"]["psnr"]).all()
    np.testing.assert_allclose(scores.values["perfect"]["ssim"], 1)
    assert scores.values["identity"]["ssim"].shape == (40, 2)


def test_metrics_of_others(made):
    scores = score([IdentityDeblender()], made(), {"mine": lambda truth, found, valid: 7.5})
    np.testing.assert_array_equal(scores.values["identity"]["mine"], np.full((40, 2), 7.5))


def test_a_metric_that_fails_is_named(made):
    with pytest.raises(ValueError, match=r"'mine'.*IndexError"):
        score([IdentityDeblender()], made(), {"mine": lambda truth, found, valid: [][0]})


def test_what_cannot_go_to_a_process_is_named(made):
    deblender = IdentityDeblender()
    deblender.parallel, deblender.gain = True, lambda blends: blends
    with pytest.raises(ValueError, match=r"pickling.*identity"):
        score([deblender], made(), {}, processes=2)


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("wrong", [lambda found: found * np.nan, lambda found: found[:, :1]])
def test_what_is_matched_is_checked(wrong, one_by_one, made):
    class Wrong(IdentityDeblender):
        def match(self, found, truth, valid):
            return wrong(found)

    deblender = Wrong()
    deblender.one_by_one = one_by_one
    assert set(score([deblender], made()).failures["identity"]) == set(range(40))
