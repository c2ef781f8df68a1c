import keras_tuner
import pytest

from kdeblend.training.config import preset_config
from kdeblend.tuning.config import search_base
from kdeblend.tuning.space import SearchSpace

QUICK = search_base("quick")


def declared(space):
    hp = keras_tuner.HyperParameters()
    space.values(hp)
    return {each.name: each for each in hp.space}


def test_blocks_and_depth_are_searched_in_the_ranges_that_are_documented():
    space = declared(SearchSpace(preset_config("paper")))
    ranges = {name: (each.min_value, each.max_value) for name, each in space.items()}
    assert ranges == {
        "root_blocks": (2, 16),
        "branch_blocks": (1, 8),
        "discriminator_blocks": (1, 8),
    }


@pytest.mark.parametrize(("size", "depth"), [(16, 8), (24, 6), (22, 2)])
def test_depth_goes_as_far_as_the_stamps_allow(size, depth):
    space = declared(SearchSpace(QUICK.replace(stamp_size=size)))
    assert space["discriminator_blocks"].max_value == depth


def test_values_end_up_in_the_configuration():
    values = {"root_blocks": 5, "branch_blocks": 3, "discriminator_blocks": 2, "head": "direct"}
    config = SearchSpace(QUICK, ("head", "learning_rate"), {"filters": 7}).apply(
        {**values, "learning_rate": 0.01}
    )
    assert config.generator_options == {
        "root_blocks": 5, "branch_blocks": 3, "filters": 7, "head": "direct",
    }  # fmt: skip
    assert (config.discriminator_blocks, config.learning_rate) == (2, 0.01)
    assert config.steps == QUICK.steps


def test_filters_widen_every_scale_of_a_unet():
    space = SearchSpace(preset_config("fast"), ("filters",))
    options = space.apply({"filters": 48}).generator_options
    assert options["widths"] == [48, 128, 256, 384]
    assert options["blocks"] == [1, 2, 2, 2]


def test_what_is_fixed_is_not_searched():
    space = SearchSpace(QUICK, (), {"M": 3, "depth": 2, "batch_size": 4, "steps": 50})
    assert list(declared(space)) == ["branch_blocks"]
    config = space.apply({"branch_blocks": 1})
    assert config.generator_options["root_blocks"] == 3
    assert (config.discriminator_blocks, config.batch_size, config.steps) == (2, 4, 50)


def test_a_unet_has_no_residual_blocks():
    space = SearchSpace(QUICK, ("generator", "filters"))
    hp = keras_tuner.HyperParameters()
    hp.values["generator"] = "unet"
    values = space.values(hp)
    assert set(values) == {"generator", "discriminator_blocks", "filters"}
    config = space.apply(values)
    assert config.generator == "unet"
    assert config.generator_options["widths"] == [16, 32, 64]
    hp = keras_tuner.HyperParameters()
    assert {"root_blocks", "branch_blocks"} < set(space.values(hp))
    assert list(declared(SearchSpace(QUICK, (), {"generator": "unet"}))) == ["discriminator_blocks"]


def test_learning_rates_are_uniform_in_their_logarithm():
    space = declared(SearchSpace(QUICK, ("learning_rate",)))
    assert space["learning_rate"].prob_to_value(0.5) == pytest.approx(10**-3.5)


@pytest.mark.parametrize(
    ("searched", "fixed", "message"),
    [
        (("momentum",), {}, r"`searched` must be among.*\['momentum'\]"),
        ((), {"O": 3}, r"must be among \['M', 'N', 'depth'.*\['O'\]"),
        ((), {"initial_weights": "fast-1"}, "Fixed hyper-parameters must be among"),
        (("head",), {"head": "direct"}, "must not be fixed as well"),
        ((), {"depth": 9}, "at most 8 for stamps of 80 pixels. Received: 9"),
        ((), {"depth": "1e1"}, "at most 8 for stamps of 80 pixels. Received: 10"),
        ((), {"stamp_size": 15}, "`stamp_size` must be even"),
        ((), {"generator": "unet", "M": 3}, r"options of the generators.*\['root_blocks'\]"),
        ((), {"filters": "many"}, "`filters` must be a number. Received: 'many'"),
        ((), {"batch_size": 0}, "`batch_size` must be positive"),
    ],
)
def test_mistakes_are_explained(searched, fixed, message):
    with pytest.raises(ValueError, match=message):
        SearchSpace(QUICK, searched, fixed)
