import pytest

from kdeblend.training.config import preset_config
from kdeblend.tuning.config import SearchConfig, read_search_config, search_base


def test_settings_survive_their_file(tmp_path):
    config = SearchConfig(
        search_base("paper").replace(data=["a", "b"], devices=["gpu:0", "gpu:1"]),
        "hyperband",
        searched=("head",),
        fixed={"M": 3, "learning_rate": 1e-4},
        max_ms=5.5,
    )
    config.save(tmp_path / "search.yaml")
    assert read_search_config(tmp_path / "search.yaml") == config


def test_what_an_older_version_did_not_write_is_a_default_not_the_presets(tmp_path):
    config = SearchConfig(search_base("fast"))
    config.save(tmp_path / "search.yaml")
    lines = (tmp_path / "search.yaml").read_text().splitlines(keepends=True)
    older = [line for line in lines if not line.strip().startswith("perturb:")]
    assert len(older) == len(lines) - 1
    (tmp_path / "search.yaml").write_text("".join(older))
    assert config.training.perturb == "either"
    assert read_search_config(tmp_path / "search.yaml").training.perturb == "second"


def test_a_broken_file_is_explained(tmp_path):
    (tmp_path / "search.yaml").write_text("oracle: random")
    with pytest.raises(ValueError, match="must hold the settings of a search"):
        read_search_config(tmp_path / "search.yaml")


def test_a_trial_trains_the_schedule_at_a_smaller_scale():
    config = SearchConfig(search_base("paper"), steps_per_trial=2000, seed=4)
    trial = config.trial_config(preset_config("paper"), 1, 1.0)
    assert (trial.steps, trial.burn_in, trial.learning_rate_drop_step) == (2000, 20, 1000)
    assert (trial.validate_every, trial.checkpoint_every, trial.seed) == (2000, 200, 5)
    assert trial.deterministic
    short = config.trial_config(preset_config("paper"), 0, 1 / 9)
    assert (short.steps, short.burn_in, short.learning_rate_drop_step) == (222, 20, 1000)


def test_quick_searches_a_narrow_residual_generator():
    assert search_base("quick").generator == "resnet"
    assert search_base("paper") == preset_config("paper")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"oracle": "best"}, "`oracle` must be one of"),
        ({"max_trials": 0}, "`max_trials` must be positive"),
        ({"max_ms": 0.0}, "`max_ms` must be positive"),
        ({"seed": -1}, "`seed` must not be negative"),
        (
            {"oracle": "hyperband", "fixed": {"learning_rate_schedule": "cosine"}},
            "Received: hyperband, cosine",
        ),
    ],
)
def test_mistakes_are_explained(changes, message):
    with pytest.raises(ValueError, match=message):
        SearchConfig(**changes)


def test_resuming_may_change_the_number_of_trials_and_what_makes_them_quicker():
    before = SearchConfig(search_base("quick"))
    training = before.training.replace(devices=["cpu:0"])
    before.replace(max_trials=30, training=training).check_resumed(before)
    before.replace(fixed={"workers": 3}).check_resumed(before)
    before.check_resumed(before.replace(fixed={"workers": 3}))
    for changes in (
        {"seed": 1}, {"training": before.training.replace(batch_size=4)}, {"fixed": {"filters": 8}}
    ):  # fmt: skip
        with pytest.raises(ValueError, match="Received: other "):
            before.replace(**changes).check_resumed(before)
