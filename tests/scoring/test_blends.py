"""Blends that are made of withheld galaxies."""

import numpy as np
import pytest

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.split import split_indices
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.read_blends import ReadBlends

RNG = np.random.default_rng(5)


def test_made_blends_are_of_withheld_galaxies_and_repeat(made, gaussians):
    blends = made(seed=3)
    chunks = list(blends.chunks())
    assert [len(chunk.blend) for chunk in chunks] == [32, 8]
    assert len(blends) == 40
    for chunk, again in zip(chunks, made(seed=3).chunks(), strict=True):
        np.testing.assert_array_equal(chunk.blend, again.blend)
        np.testing.assert_allclose(chunk.truth.max(axis=1), chunk.blend, atol=1e-6)
        assert 0 <= chunk.truth.min() < chunk.truth.max() <= 1
    other = next(made(seed=4).chunks())
    assert np.abs(other.blend - chunks[0].blend).max() > 0.1
    source = gaussians()
    withheld = split_indices(source.ids)["test"]
    stamps = [
        BlendGeometry(stamp_size=16).stamp(source.image(index)).transpose(1, 2, 0) / 255
        for index in withheld
    ]
    assert np.isin(blends.galaxies, withheld).all()
    truth = np.concatenate([chunk.truth for chunk in chunks])
    for number, (first, second) in enumerate(blends.galaxies):
        assert first != second
        stamp = stamps[withheld.tolist().index(first)]
        np.testing.assert_allclose(truth[number, 0], stamp, atol=1e-5)


def test_taken_blends_are_those_of_the_chunks(npz, made):
    for blends in (made(seed=3), ReadBlends(npz(valid=RNG.random((3, 16, 18)) < 0.5))):
        chunks = list(blends.chunks())
        numbers = [2, 0, len(blends) - 1]
        taken = blends.take(numbers)
        for name in ("blend", "truth", "valid"):
            parts = [getattr(chunk, name) for chunk in chunks]
            np.testing.assert_array_equal(getattr(taken, name), np.concatenate(parts)[numbers])
        for name in blends.predictions:
            together = np.concatenate([chunk.predictions[name] for chunk in chunks])
            np.testing.assert_array_equal(taken.predictions[name], together[numbers])
        for wrong in ([len(blends)], [-1], []):
            with pytest.raises(ValueError, match=f"0 to {len(blends) - 1}"):
                blends.take(wrong)


def test_galaxies_that_a_source_cannot_read_are_left_out(caplog, made, gaussians):
    class Torn(gaussians):
        def image(self, index):
            if index == number:
                raise ValueError("torn")
            return super().image(index)

    number = made().galaxies[0, 0]
    blends = MadeBlends(Torn(), 40, geometry=BlendGeometry(stamp_size=16))
    assert number not in blends.galaxies
    assert f"left out galaxy-{number}: " in caplog.text


def test_validation_blends_are_of_other_galaxies(made, gaussians):
    blends = next(made(side="validation").chunks())
    source = gaussians()
    stamps = [
        BlendGeometry(stamp_size=16).stamp(source.image(index)).transpose(1, 2, 0) / 255
        for index in split_indices(source.ids)["validation"]
    ]
    for first in blends.truth[:, 0]:
        assert min(np.abs(first - stamp).max() for stamp in stamps) < 1e-5


def test_made_blends_know_their_mode(made):
    chunk = next(made(blend_mode="sum").chunks())
    expected = BLEND_MODES["sum"](chunk.truth[:, 0], chunk.truth[:, 1])
    np.testing.assert_allclose(chunk.blend, expected, atol=1e-6)


def test_made_blends_need_galaxies(gaussians):
    with pytest.raises(ValueError, match="of 3 galaxies"):
        MadeBlends(gaussians(3))
    with pytest.raises(ValueError, match="blends=0"):
        MadeBlends(gaussians(), 0)


def test_made_blends_may_be_degraded_in_part(made):
    plain, some = made().take(range(40)), made(degrade=0.5)
    changed = (plain.blend != some.take(range(40)).blend).any(axis=(1, 2, 3))
    assert 8 < changed.sum() < 28
    assert some.description["degrade"] == 0.5
    assert "degrade" not in made().description


def test_light_of_made_blends_may_add_up_in_part(made):
    plain, some = made().take(range(40)), made(lupton_share=0.5)
    changed = (plain.blend != some.take(range(40)).blend).any(axis=(1, 2, 3))
    assert 8 < changed.sum() < 32
    np.testing.assert_array_equal(plain.truth, some.take(range(40)).truth)
    assert some.description["lupton_share"] == 0.5
    assert "lupton_share" not in made().description
