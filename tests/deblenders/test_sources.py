from itertools import permutations

import numpy as np
import pytest

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.sources import SourcesDeblender, match_sources, pick_layers

RNG = np.random.default_rng(8)
SHAPE = (10, 12, 3)
EVERYWHERE = np.ones(SHAPE[:2], bool)
BLEND = np.full((20, 24, 3), 0.25, np.float32)


def spot(row, column, light):
    image = np.zeros(BLEND.shape, np.float32)
    image[row, column] = light
    return image


class Finder(SourcesDeblender):
    name = "finder"

    def __init__(self, found):
        self.found = found

    def sources(self, blend):
        return self.found


FAR, NEAR, FAINT, DARK = spot(2, 20, 0.9), spot(11, 13, 0.2), spot(1, 1, 0.1), spot(0, 0, 0.0)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([FAR, NEAR, FAINT], (NEAR, FAR)),
        ([FAINT, DARK, FAR], (FAR, FAINT)),
        ([DARK, FAR], (FAR, DARK)),
        ([DARK], (DARK, DARK)),
    ],
)
def test_nearest_is_central_and_brightest_of_the_rest_is_the_other(sources, expected):
    np.testing.assert_array_equal(pick_layers(np.stack(sources)), expected)
    layers = Finder(np.stack(sources)).deblend(np.stack([BLEND, BLEND]))
    np.testing.assert_array_equal(layers, [expected, expected])


def test_no_source_gives_black_layers():
    layers = Finder(np.empty((0, *BLEND.shape))).deblend(BLEND[None])
    np.testing.assert_array_equal(layers, np.zeros((1, 2, *BLEND.shape)))


def test_sources_are_cut_to_the_range_of_images():
    found = Finder(np.stack([NEAR * 20 - 1, FAR])).checked_sources(BLEND)
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 1)


@pytest.mark.parametrize(
    ("found", "message"),
    [(np.zeros((20, 24, 3)), "shape"), (np.full((1, 20, 24, 3), np.nan), "finite")],
)
def test_wrong_sources_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        Finder(found).deblend(BLEND[None])


def test_fit_does_nothing_by_default_and_restore_sets_attributes():
    deblender = Deblender.from_preset("identity")
    assert deblender.fit(BLEND[None], np.stack([BLEND, BLEND])[None]) is None
    deblender.restore({"contrast": 0.005})
    assert deblender.contrast == 0.005
    assert not deblender.parallel


def assignment_error(layers, truth):
    return np.square(layers - truth).sum()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_matching_is_the_best_of_all(count):
    for _ in range(10):
        sources, truth = (RNG.random((n, *SHAPE)).astype(np.float32) for n in (count, 2))
        best = min(
            (np.stack(pair) for pair in permutations(sources, 2)),
            key=lambda layers: assignment_error(layers, truth),
        )
        np.testing.assert_array_equal(match_sources(sources, truth, EVERYWHERE), best)


def test_matching_of_too_few_sources():
    truth = RNG.random((2, *SHAPE)).astype(np.float32)
    black = np.zeros(SHAPE)
    np.testing.assert_array_equal(match_sources(truth[:0], truth, EVERYWHERE), [black, black])
    np.testing.assert_array_equal(match_sources(truth[1:], truth, EVERYWHERE), [black, truth[1]])


def test_invalid_pixels_do_not_decide_the_matching():
    truth = np.zeros((2, *SHAPE), np.float32)
    truth[0, :5], truth[1, 5:] = 0.5, 0.5
    sources = truth.copy()
    sources[:, :, :2] = truth[::-1, :, :2] * 20
    valid = EVERYWHERE.copy()
    valid[:, :2] = False
    np.testing.assert_array_equal(match_sources(sources, truth, valid), sources)
    np.testing.assert_array_equal(match_sources(sources, truth, EVERYWHERE), sources[::-1])
