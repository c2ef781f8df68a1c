"""Each kind of failure, made on purpose, is found and has the strength that it was given."""

import numpy as np
import pytest

from kdeblend.scoring.report.faults import (
    FAULTS,
    Answered,
    cut_off,
    left_over,
    odd_colours,
    wrong_layer,
)

SKY = 0.02


def blob(row, column, sigma, height, colour=(1.0, 0.8, 0.6)):
    rows, columns = np.indices((60, 60))
    light = height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2 / sigma**2)
    return light[..., None] * np.array(colour)


GALAXY, OTHER = blob(30, 26, 3, 0.7), blob(30, 46, 3, 0.6, (0.6, 0.8, 1.0))
SOURCE = blob(8, 12, 2, 0.3)
NOISE = np.random.default_rng(0).normal(0, 0.004, (60, 60, 3))
TRUTH, OTHER_TRUTH = SKY + GALAXY + SOURCE + NOISE, SKY + OTHER + NOISE[::-1]


EVERYWHERE = np.ones((60, 60), bool)


def answered(found, other_found=OTHER_TRUTH, valid=EVERYWHERE):
    return Answered(TRUTH, OTHER_TRUTH, found, other_found, valid)


def test_a_perfect_answer_has_no_fault():
    for fault in FAULTS:
        assert fault.strength(answered(TRUTH)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_left_over(share):
    assert left_over(answered(TRUTH + share * OTHER)) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_cut_off(share):
    strength = cut_off(answered(TRUTH - share * GALAXY))
    assert strength == pytest.approx(share, abs=0.03)
    half = TRUTH.copy()
    half[:30] -= GALAXY[:30]
    assert 0.4 < cut_off(answered(half)) < 0.6


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_background_source_given_to_the_wrong_layer(share):
    moved = answered(TRUTH - share * SOURCE, OTHER_TRUTH + share * SOURCE)
    assert wrong_layer(moved) == pytest.approx(share, abs=0.03)


def test_a_lost_source_is_in_no_wrong_layer():
    assert wrong_layer(answered(TRUTH - SOURCE)) == pytest.approx(0, abs=1e-9)


def test_without_a_background_source_there_is_no_wrong_layer():
    truth = SKY + GALAXY + NOISE
    assert np.isnan(wrong_layer(Answered(truth, OTHER_TRUTH, truth * 0, truth, EVERYWHERE)))


def test_odd_colours_are_errors_that_differ_between_bands():
    green, grey = TRUTH.copy(), TRUTH.copy()
    green[30:37, 24:31, 1] += 0.3
    grey[30:37, 24:31] += 0.3
    assert odd_colours(answered(green)) == pytest.approx(0.3 * np.sqrt(2) / 3, rel=1e-3)
    assert odd_colours(answered(grey)) < 1e-9


def test_pixels_that_do_not_count_show_no_odd_colours():
    green = TRUTH.copy()
    green[50:, 50:, 1] += 0.5
    valid = np.ones((60, 60), bool)
    valid[50:, 50:] = False
    assert odd_colours(answered(green)) > 0.2
    assert odd_colours(answered(green, valid=valid)) < 1e-9


def test_dark_layers_have_no_faults_and_one_band_no_colour():
    dark = np.zeros((60, 60, 1))
    faultless = Answered(dark, dark, dark, dark, EVERYWHERE)
    assert all(np.isnan(fault.strength(faultless)) for fault in FAULTS)
