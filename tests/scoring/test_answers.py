import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.sources import SourcesDeblender
from kdeblend.scoring.answers import TimedDeblender
from kdeblend.scoring.blends import Chunk

RNG = np.random.default_rng(8)
SHAPE = (10, 12, 3)


@pytest.fixture
def chunk():
    truth = RNG.random((5, 2, *SHAPE)).astype(np.float32)
    return Chunk(truth.max(axis=1), truth, np.ones((5, *SHAPE[:2]), bool))


class Fragile(Deblender):
    """Fails on blends whose first pixel is bright, and counts its calls."""

    name = "fragile"

    def __init__(self):
        self.calls = []

    def deblend_batch(self, blends):
        self.calls.append(len(blends))
        if (blends[:, 0, 0, 0] > 0.9).any():
            raise RuntimeError("too\nbright")
        return np.stack([blends, blends / 2], axis=1)


class Shuffled(SourcesDeblender):
    """Finds the true layers, a wrong one too, in another order; fails on the third blend."""

    name = "shuffled"

    def __init__(self, chunk):
        self.chunk = chunk

    def sources(self, blend):
        number = int(np.argmin(np.abs(self.chunk.blend - blend).max(axis=(1, 2, 3))))
        if number == 2:
            raise ValueError("no sources")
        return np.stack([blend, *self.chunk.truth[number][:: (-1) ** number]])


def test_a_batch_that_fails_is_tried_one_by_one(chunk):
    chunk.blend[:, 0, 0, 0] = [0.1, 0.95, 0.1, 0.1, 0.99]
    deblender = Fragile()
    answer = TimedDeblender(deblender)(chunk)
    assert deblender.calls == [5, 5, 1, 1, 1, 1, 1]  # a warm-up, the batch, each blend
    assert answer.failures == dict.fromkeys([1, 4], "RuntimeError: too bright")
    good = [0, 2, 3]
    np.testing.assert_array_equal(answer.layers[good, 0], chunk.blend[good])
    assert np.isnan(answer.layers[[1, 4]]).all()
    assert np.isnan(answer.milliseconds[[1, 4]]).all()
    assert (answer.milliseconds[good] > 0).all()


def test_a_batch_that_works_is_done_at_once(chunk):
    chunk.blend[:, 0, 0, 0] = 0
    deblender = Fragile()
    timed = TimedDeblender(deblender)
    for _ in range(2):
        answer = timed(chunk)
    assert deblender.calls == [5, 5, 5]
    assert answer.failures == {}
    assert len(set(answer.milliseconds)) == 1


def test_each_shape_is_warmed_up_once(chunk):
    chunk.blend[:, 0, 0, 0] = 0
    deblender = Fragile()
    timed = TimedDeblender(deblender)
    for rows in (slice(0, 4), slice(4, 5), slice(1, 5), slice(0, 1)):
        timed(chunk.rows(rows))
    assert deblender.calls == [4, 4, 1, 1, 4, 1]


def test_sources_are_matched_to_the_truth(chunk):
    answer = TimedDeblender(Shuffled(chunk))(chunk)
    assert answer.failures == {2: "ValueError: no sources"}
    good = [0, 1, 3, 4]
    np.testing.assert_array_equal(answer.layers[good], chunk.truth[good])
