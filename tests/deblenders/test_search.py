"""Search for the best settings, of which some fail."""

import numpy as np
import pytest

from kdeblend.deblenders.search import search
from kdeblend.deblenders.sources import SourcesDeblender

TRUTH = np.random.default_rng(4).random((3, 2, 8, 8, 1)).astype(np.float32)
BLENDS = TRUTH.max(axis=1)


class Dims(SourcesDeblender):
    """Gives the blend times a factor, twice; factors below 0.5 fail on the last blend."""

    name = "dims"

    def __init__(self, factor=0.5, least=0.5):
        self.factor, self.least = factor, least

    def sources(self, blend):
        if self.factor < self.least and np.array_equal(blend, BLENDS[-1]):
            raise RuntimeError("too dim")
        return np.stack([blend * self.factor] * 2)


def test_values_that_fail_lose():
    deblender = Dims(factor=0.2)
    grid = {"factor": (0.1, 0.8, 0.01)}
    assert search(deblender, grid, BLENDS, TRUTH) == {"factor": 0.8}
    assert deblender.factor == 0.8


def test_where_all_values_fail_nothing_is_changed():
    deblender = Dims(factor=0.2, least=1)
    with pytest.raises(ValueError, match="RuntimeError: too dim"):
        search(deblender, {"factor": (0.1, 0.8)}, BLENDS, TRUTH)
    assert deblender.factor == 0.2
