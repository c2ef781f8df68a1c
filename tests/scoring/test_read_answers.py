"""Answers of others that come with the blends of a file."""

import numpy as np
import pytest

from kdeblend.metrics import METRICS
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import ScoringRun
from kdeblend.scoring.score import score

FEW = {"psnr": METRICS["psnr"]}


@pytest.fixture
def write(images, tmp_path):
    """Function from answers to a file of blends with them."""
    truth = images(24)
    path = tmp_path / "blends.npz"

    def save(make, dtype=np.float64):
        answer = make(truth / 255).astype(dtype)
        np.savez(path, blend=truth.max(axis=1), truth=truth, friend=answer)
        return path

    return save


@pytest.mark.parametrize(
    "slip",
    [
        lambda truth: truth[:20],
        lambda truth: np.moveaxis(truth, -1, 2),
        lambda truth: np.moveaxis(truth, 0, 1),
        lambda truth: truth[..., :1],
    ],
    ids=["fewer rows", "channels first", "layers first", "one band"],
)
def test_an_answer_of_another_shape_is_an_error(write, slip):
    shape = slip(np.empty((24, 2, 20, 20, 3))).shape
    with pytest.raises(ValueError, match="`friend`") as caught:
        ReadBlends(write(slip))
    assert f"{shape}, truth (24, 2, 20, 20, 3)" in str(caught.value)


@pytest.mark.parametrize("part", [np.s_[:, 0], np.s_[..., 0], np.s_[:, :, None]])
def test_arrays_of_other_numbers_of_axes_are_left_aside(write, part):
    assert ReadBlends(write(lambda truth: truth[part])).predictions == ()


@pytest.mark.parametrize("dtype", [np.int64, bool, np.complex128])
def test_an_answer_of_another_dtype_is_an_error(write, dtype):
    with pytest.raises(ValueError, match=f"`friend`.*dtype={np.dtype(dtype)}"):
        ReadBlends(write(lambda truth: truth, dtype))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_clipped(write, dtype):
    blends = ReadBlends(write(lambda truth: 1.06 * truth - 0.04 + 0.5 * (truth > 0.7), dtype))
    chunk = blends.take(range(24))
    answer = chunk.predictions["friend"]
    assert (answer.min(), answer.max(), answer.dtype) == (0, 1, np.float32)
    inside = (answer > 0) & (answer < 1)
    expected = 1.06 * chunk.truth - 0.04 + 0.5 * (chunk.truth > 0.7)
    np.testing.assert_allclose(answer[inside], expected[inside], atol=1e-3)
    assert np.isfinite(score([], blends, FEW).values["friend"]["psnr"]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_a_failure_on_its_blend(write, value, tmp_path):
    def spoilt(truth):
        answer = truth * 0.9
        answer[[3, 20], 1, 5, 5, 0] = value
        answer[20, 0, 0, 0, 0] = -value
        answer[7] = 1e300
        return answer

    summary = ScoringRun([], ReadBlends(write(spoilt)), tmp_path / "out").finish()
    failures = summary["failures"]["friend"]
    assert failures["count"] == 2
    (message,) = failures["messages"]
    assert "finite" in message
    assert summary["deblenders"]["friend"]["psnr"]["n"] == 2 * 22
    values = score([], ReadBlends(write(spoilt)), FEW).values["friend"]["psnr"]
    assert np.flatnonzero(np.isnan(values).any(axis=1)).tolist() == [3, 20]


def test_an_answer_that_fails_everywhere_can_be_read(write):
    scores = score([], ReadBlends(write(lambda truth: truth * np.nan)), FEW)
    assert len(scores.failures["friend"]) == 24


@pytest.mark.parametrize(
    "slip", [lambda truth: 255 * truth, lambda truth: 2 * truth - 1], ids=["255", "minus one"]
)
def test_an_answer_in_other_units_is_an_error(write, slip):
    with pytest.raises(ValueError, match=r"`friend`.*units of `truth`.*mean"):
        ReadBlends(write(slip))
