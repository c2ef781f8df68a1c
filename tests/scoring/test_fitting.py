"""Deblenders that are tuned before they are scored."""

import json

import numpy as np
import pytest

from kdeblend.deblenders.identity import IdentityDeblender
from kdeblend.metrics import METRICS
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import ScoringRun
from kdeblend.scoring.score import score

FEW = {name: METRICS[name] for name in ("psnr", "psnr_hidden", "segmentation_iou")}
pytestmark = pytest.mark.usefixtures("no_report")


class Tuned(IdentityDeblender):
    name = "tuned"
    gain = 1.0
    fits = 0

    def fit(self, blends, truth):
        self.fits += 1
        self.gain = float(np.round(truth.mean() / blends.mean(), 3))
        return {"gain": self.gain}

    def deblend_batch(self, blends):
        return super().deblend_batch(blends) * np.float32(self.gain)


def test_tuned_once_and_taken_up_again(file, tmp_path):
    blends, tuning = ReadBlends(file, 3), ReadBlends(file, 8)
    first = Tuned()
    run = ScoringRun([first], blends, tmp_path)
    ((name, choice),) = run.fit(lambda: tuning)
    chunk = tuning.take(range(8))
    assert (name, first.fits) == ("tuned", 1)
    assert choice == {"gain": pytest.approx(chunk.truth.mean() / chunk.blend.mean(), abs=1e-3)}
    second = Tuned()
    again = ScoringRun([second], blends, tmp_path, resume=True)
    assert list(again.fit(lambda: tuning)) == [(name, choice)]
    assert (second.fits, second.gain) == (0, choice["gain"])
    assert again.finish()["tuning"] == {"tuned": choice}
    summary = json.loads((tmp_path / "summary.json").read_text())
    psnr = summary["deblenders"]["tuned"]["psnr"]["mean"]
    dimmed = score([second], blends, {"psnr": METRICS["psnr"]}).values["tuned"]["psnr"]
    assert psnr == pytest.approx(dimmed.mean())


def test_tuning_that_fails_is_said(file, tmp_path):
    class Stubborn(Tuned):
        def fit(self, blends, truth):
            self.gain, self.left = 0.5, "half-way"
            raise RuntimeError("will not")

    stubborn = Stubborn()
    run = ScoringRun([stubborn], ReadBlends(file, 3), tmp_path)
    ((_, choice),) = run.fit(lambda: ReadBlends(file, 3))
    assert choice == {"error": "not tuned: RuntimeError: will not"}
    assert vars(stubborn) == vars(Stubborn())
    again = ScoringRun([Tuned()], ReadBlends(file, 3), tmp_path / "again")
    again._parts.keep_choices({"tuned": choice})
    assert "gain" in dict(again.fit(lambda: ReadBlends(file, 3)))["tuned"]
    assert run.finish()["deblenders"]["tuned"]["psnr"]["n"] == 6
    assert list(run.fit(lambda: pytest.fail("not again"))) == [("tuned", choice)]


@pytest.mark.parametrize("choice", [{"gain": float("nan")}, {"gain": np.float32(1)}, {"gain": {1}}])
def test_a_choice_that_json_cannot_hold_is_a_failure(choice, file, tmp_path):
    class Odd(Tuned):
        def fit(self, blends, truth):
            return choice

    run = ScoringRun([Odd()], ReadBlends(file, 3), tmp_path, metrics=FEW)
    ((_, kept),) = run.fit(lambda: ReadBlends(file, 3))
    assert "JSON" in kept["error"]
    assert run.finish()["tuning"] == {"tuned": kept}


def test_scoring_goes_on_without_blends_to_tune_on(file, tmp_path):
    def tuning():
        raise ValueError("too few galaxies")

    other = Tuned()
    other.name = "other"
    run = ScoringRun([Tuned(), other], ReadBlends(file, 3), tmp_path, metrics=FEW)
    error = {"error": "not tuned: too few galaxies"}
    assert dict(run.fit(tuning)) == {"tuned": error, "other": error}
    assert run.finish()["tuning"]["tuned"] == error


def test_tuning_needs_as_many_bands(file, tmp_path):
    chunk = ReadBlends(file, 3).take(range(3))
    np.savez(tmp_path / "grey.npz", blend=chunk.blend[..., :1], truth=chunk.truth[..., :1])
    run = ScoringRun([Tuned()], ReadBlends(tmp_path / "grey.npz"), tmp_path / "out")
    ((_, choice),) = run.fit(lambda: ReadBlends(file, 3))
    assert "3 bands" in choice["error"]


def test_nothing_to_tune_makes_no_blends(file, tmp_path):
    run = ScoringRun([IdentityDeblender()], ReadBlends(file, 3), tmp_path)
    assert list(run.fit(lambda: pytest.fail("not needed"))) == []
