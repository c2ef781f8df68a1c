import numpy as np
import pytest

from kdeblend.metrics import METRICS
from kdeblend.scoring.answers import answer_of_others
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.measure import Measure


def in_front(first, second):
    """The first galaxy hides the second one wherever it is seen."""
    return np.where(first > 0.2, first, second)


def test_galaxies_are_put_together_in_their_order(monkeypatch):
    monkeypatch.setattr("kdeblend.scoring.measure.BLEND_MODES", {"in_front": in_front})
    truth = np.random.default_rng(0).random((3, 2, 9, 9, 3))
    chunk = Chunk(in_front(truth[:, 0], truth[:, 1]), truth, np.ones((3, 9, 9), bool))
    measure = Measure({"flux_conservation": METRICS["flux_conservation"]}, "in_front")
    found = measure(answer_of_others(truth), chunk).values["flux_conservation"]
    assert found == pytest.approx(np.zeros((3, 2)), abs=1e-12)
    swapped = measure(answer_of_others(truth[:, ::-1]), chunk).values["flux_conservation"]
    assert (swapped > 0.1).all()
