import numpy as np
import pytest

from kdeblend.data.combined import CombinedSource
from kdeblend.data.pairs import GalaxyPairs

CHANCES = np.random.default_rng(8).random((1000, 3))


@pytest.fixture
def numbered(array_source):
    """Return a function that makes a source of flat images, broken where a value is None."""

    def make(*values):
        return array_source(
            [None if v is None else np.full((64, 64, 1), v, np.uint8) for v in values]
        )

    return make


def pairs_of(source, indices=None):
    return GalaxyPairs(source, np.arange(len(source)) if indices is None else indices, 1)


def values(pair):
    return tuple(int(image[0, 0, 0]) for _, image in pair)


def test_all_pairs_of_different_galaxies_are_drawn(numbered):
    pairs = pairs_of(numbered(10, 20, 30, 40))
    read = [values(pairs.read(*chance)) for chance in CHANCES]
    counts = np.unique(read, axis=0, return_counts=True)
    assert len(counts[0]) == 12
    assert (counts[0][:, 0] != counts[0][:, 1]).all()
    assert counts[1].min() > 1000 / 12 * 0.6
    drawn = [pairs.drawn(*chance) for chance in CHANCES]
    assert read == [(10 * a + 10, 10 * b + 10) for a, b in drawn]
    assert drawn == [pairs.shown(*chance) for chance in CHANCES]


def test_only_the_given_galaxies_are_used(numbered):
    pairs = pairs_of(numbered(10, 20, 30, 40), np.array([1, 3]))
    assert {values(pairs.read(*chance)) for chance in CHANCES} == {(20, 40), (40, 20)}


def test_both_galaxies_come_from_one_part_of_the_source(numbered):
    combined = CombinedSource([numbered(*[10] * 90), numbered(*[110] * 10), numbered(210)])
    assert combined.parts == [range(90), range(90, 100), range(100, 101)]
    pairs = pairs_of(combined)
    first, second = np.transpose([values(pairs.read(*chance)) for chance in CHANCES])
    np.testing.assert_array_equal(first, second)
    assert set(first.tolist()) == {10, 110}
    assert np.mean(first == 110) == pytest.approx(1 / 4, abs=0.06)  # 1 of 1 + sqrt(90 / 10)


def test_the_next_readable_galaxy_takes_the_place_of_a_broken_one(numbered):
    whole, pairs = pairs_of(numbered(10, 20, 30, 40)), pairs_of(numbered(10, None, 30, 40))
    for chance in CHANCES:
        drawn, (first, second) = whole.drawn(*chance), pairs.shown(*chance)
        assert values(pairs.read(*chance)) == (10 * first + 10, 10 * second + 10)
        if 1 not in drawn:
            assert (first, second) == drawn
        assert first == (2 if drawn[0] == 1 else drawn[0])
        assert len({first, second} - {1}) == 2


def test_a_part_with_one_readable_galaxy_gives_way_to_the_next(numbered):
    pairs = pairs_of(CombinedSource([numbered(150, None), numbered(50, 50)]))
    assert {values(pairs.read(*chance)) for chance in CHANCES} == {(50, 50)}
    pairs = pairs_of(CombinedSource([numbered(150, None), numbered(50, None)]))
    assert {values(pairs.read(*chance)) for chance in CHANCES} == {(50, 150), (150, 50)}


def test_galaxies_that_are_each_alone_make_one_part(numbered):
    pairs = pairs_of(CombinedSource([numbered(50), numbered(150)]))
    assert {values(pairs.read(*chance)) for chance in CHANCES} == {(50, 150), (150, 50)}


def test_one_readable_galaxy_is_not_enough(numbered):
    pairs = pairs_of(numbered(10, *[None] * 11))
    for use in (pairs.read, pairs.shown):
        with pytest.raises(ValueError, match=r"At least two .* 12 galaxies, 11 of them broken"):
            use(0.5, 0.5, 0.5)
    assert pairs.drawn(0.5, 0, 0) == (0, 1)
