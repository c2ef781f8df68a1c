import numpy as np
import pytest

from kdeblend.data.split import split_indices, split_of

IDS = [f"galaxy {number}" for number in range(4000)]


def test_sides_never_change():
    """A change of the hash would leak test galaxies of old runs into training."""
    assert [split_of(galaxy_id) for galaxy_id in ("0", "9", "39")] == [
        "train",
        "validation",
        "test",
    ]


def test_adding_galaxies_moves_none():
    sides = split_indices(IDS)
    fewer = split_indices(IDS[::3])
    for side, indices in fewer.items():
        assert {IDS[3 * index] for index in indices} <= {IDS[index] for index in sides[side]}


def test_every_galaxy_is_on_one_side_in_the_shares_asked_for():
    sides = split_indices(IDS, validation=0.2, test=0.1)
    assert sorted(np.concatenate(list(sides.values()))) == list(range(4000))
    assert abs(len(sides["validation"]) - 800) < 80
    assert abs(len(sides["test"]) - 400) < 60


def test_a_larger_share_for_validation_leaves_the_test_alone():
    np.testing.assert_array_equal(
        split_indices(IDS, validation=0.4)["test"], split_indices(IDS)["test"]
    )


def test_images_of_the_same_name_stay_together():
    for number in range(100):
        assert len({split_of(f"{number}::{place}") for place in ("a", "b", "c")}) == 1
    assert len({split_of(f"::{number}", 0.3, 0.3) for number in range(100)}) == 3


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.6, 0.5)])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(ValueError, match=r"add up to at most 1\. Received"):
        split_of("a", *shares)
