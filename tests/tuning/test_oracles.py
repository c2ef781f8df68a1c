import json

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine.trial import Trial

from kdeblend.tuning.config import search_base
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.oracles import (
    OBJECTIVE,
    BayesianOracle,
    make_oracle,
    mixed_seed,
    own_values,
    parent_of,
    same_values,
    share_of,
)
from kdeblend.tuning.space import SearchSpace


def score(values):
    return 20 + values.get("root_blocks", 0) - 0.3 * values["branch_blocks"] ** 2


def run(config, path, trials, fails=lambda number, values: False):
    """Let an oracle, made anew for each trial if `path` is there, propose and score trials."""
    proposed = []
    oracle = None
    for number in range(trials):
        if oracle is None or path is not None:
            oracle = make_oracle(config, path)
            hp = oracle.get_space()
            DeblendingHyperModel(config).configure(hp)
            oracle.update_space(hp)
        if path is None:
            oracle.save = lambda: None
        trial = oracle.create_trial("tuner0")
        if trial.status == "STOPPED":
            break
        proposed.append(trial)
        values = trial.hyperparameters.values
        if fails(number, values):
            trial.status = "FAILED"
        else:
            oracle.update_trial(trial.trial_id, {OBJECTIVE: score(values)})
            trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return proposed


def values(trials):
    return [trial.hyperparameters.values for trial in trials]


@pytest.mark.parametrize(("oracle", "trials"), [("random", 8), ("bayesian", 5), ("hyperband", 14)])
def test_resumed_after_each_trial_equals_never_stopped(config, tmp_path, oracle, trials):
    fixed = {"filters": 2, "depth": 1} | ({"M": 2} if oracle == "bayesian" else {})
    config = config.replace(oracle=oracle, max_trials=trials, fixed=fixed, seed=3)
    whole = values(run(config, None, trials))
    assert len(whole) == trials
    assert values(run(config, tmp_path / "oracle.json", trials)) == whole
    assert values(run(config.replace(seed=4), None, trials)) != whole


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_no_trial_is_proposed_twice_and_a_small_space_is_exhausted(config, oracle):
    fixed = {"filters": 2, "depth": 1, "M": 2}
    config = config.replace(oracle=oracle, max_trials=20, fixed=fixed)
    proposed = [each["branch_blocks"] for each in values(run(config, None, 20))]
    assert sorted(proposed) == list(range(1, 9))


def test_the_search_goes_on_after_any_number_of_failures(config):
    config = config.replace(max_trials=9)
    assert len(run(config, None, 20, lambda number, values: number < 8)) == 9


def test_the_bayesian_oracle_learns_from_failures(config, monkeypatch):
    """Large networks score best and fail; it must not propose the same ones in vain."""
    drawn = []
    draw = BayesianOracle._random_populate_space

    def counted(oracle):
        drawn.append(len(oracle.trials))
        return draw(oracle)

    monkeypatch.setattr(BayesianOracle, "_random_populate_space", counted)
    config = config.replace(
        oracle="bayesian", max_trials=18, fixed={"filters": 2, "depth": 1}, seed=2
    )
    trials = run(config, None, 18, lambda number, values: values["root_blocks"] > 9)
    assert len(trials) == 18
    completed = [trial.status == "COMPLETED" for trial in trials]
    guided = [number for number in range(18) if number not in drawn]
    assert len(guided) >= 6
    assert sum(completed[number] for number in guided) >= len(guided) / 2


def test_hyperband_trains_the_best_longer(config):
    config = config.replace(oracle="hyperband", max_trials=13)
    trials = run(config, None, 13)
    assert [round(9 * share_of(trial)) for trial in trials] == [1] * 9 + [3] * 3 + [9]
    scores = {trial.trial_id: trial.score for trial in trials}
    best = sorted(scores[trial.trial_id] for trial in trials[:9])[-3:]
    assert sorted(scores[parent_of(trial)] for trial in trials[9:12]) == best
    assert scores[parent_of(trials[12])] == best[-1]


def test_a_broken_state_is_explained(config, tmp_path):
    (tmp_path / "oracle.json").write_text(json.dumps({"trials": {}}))
    with pytest.raises(ValueError, match="must hold the state of a search"):
        make_oracle(config, tmp_path / "oracle.json")


def test_the_trial_of_a_lost_tuner_goes_to_the_next(config, tmp_path):
    oracle = make_oracle(config, tmp_path / "oracle.json")
    oracle.hyperparameters = keras_tuner.HyperParameters()
    DeblendingHyperModel(config).configure(oracle.hyperparameters)
    first, second = oracle.create_trial("one"), oracle.create_trial("two")
    assert oracle.release("one").trial_id == first.trial_id
    assert oracle.release("one") is None
    oracle = make_oracle(config, tmp_path / "oracle.json")
    assert oracle.create_trial("three").trial_id == first.trial_id
    assert oracle.create_trial("two").trial_id == second.trial_id


def test_values_are_those_that_a_network_is_trained_with():
    space = SearchSpace(search_base("quick"), ("learning_rate",))
    hp = keras_tuner.HyperParameters()
    space.values(hp)
    hp.values |= {"learning_rate": 0.000288977, "tuner/epochs": 3}
    assert own_values(Trial(hp)) == space.values(hp)
    assert own_values(Trial(hp))["learning_rate"] == 0.000289
    hp.values["of_another_space"] = 0.123456
    assert own_values(Trial(hp))["of_another_space"] == 0.123456


def test_values_are_the_same_in_single_precision():
    ours = {"M": 3, "head": "direct", "learning_rate": 1e-4, "momentum": 0.9999}
    assert same_values(ours, {**ours, "learning_rate": float(np.float32(1e-4))})
    for other in ({"M": 4}, {"head": "visible"}, {"learning_rate": 1.01e-4}, {"N": 1},
                  {"momentum": 0.9995}):  # fmt: skip
        assert not same_values(ours, {**ours, **other})


def test_seeds_that_are_neighbours_are_far_apart():
    seeds = [mixed_seed(seed) for seed in range(100)]
    assert min(seeds) > 0
    assert len({seed // 1000 for seed in seeds}) > 95
