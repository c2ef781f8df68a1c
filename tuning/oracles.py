"""Who proposes the next trial: keras-tuner's oracles, durable and reproducible.

Two things are changed in each. The state and all trials are one file that is
replaced atomically, so that a killed search finds it consistent; and what is
proposed depends on the seed and the trials so far alone, so that a resumed search
proposes what one never stopped would have.
"""

import json
import math
import sys
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner import oracles
from keras_tuner.engine.trial import Trial, TrialStatus
from sklearn.exceptions import ConvergenceWarning

from kdeblend.io.atomic import write_json
from kdeblend.tuning.config import SearchConfig
from kdeblend.tuning.space import is_rounded, three_digits

OBJECTIVE = "val_psnr"
HYPERBAND_UNITS = 9
"""Hyperband's longest trials train nine units of steps, its shortest one."""
HYPERBAND_SHARE = 0.36
"""Mean part of the longest trial that hyperband trains in a trial, over its three brackets."""
MAX_COLLISIONS = 1000


class DurableOracle(keras_tuner.Oracle):
    """An oracle whose whole state is one file.

    Attributes:
        path: The file.
    """

    path: Path
    ongoing_trials: dict[str, Trial]
    _retry_queue: list[str]

    def save(self) -> None:
        """Write the state and all trials, replacing the file atomically."""
        trials = {trial_id: trial.get_state() for trial_id, trial in self.trials.items()}
        write_json(self.path, {**self.get_state(), "trials": trials})

    def reload(self) -> None:
        """Read what `save` wrote; what was being trained is still assigned to who did.

        keras-tuner saves the end of a trial before it takes the trial from who trained it.
        """
        state = json.loads(self.path.read_text(encoding="utf-8"))
        trials = state.pop("trials")
        self.trials = {trial_id: Trial.from_state(each) for trial_id, each in trials.items()}
        self.set_state(state)
        ongoing = self.ongoing_trials.items()
        self.ongoing_trials = {name: trial for name, trial in ongoing if not is_final(trial)}

    def release(self, tuner_id: str) -> Trial | None:
        """Take the trial of a tuner that is gone, if it has one, and put it up for others.

        Args:
            tuner_id: Its id.

        Returns:
            The trial, or None.
        """
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is not None:
            self._retry_queue.append(trial.trial_id)
            self.save()
        return trial

    def withdraw(self, trial_id: str) -> bool:
        """Take a trial from those that wait for a tuner, and tell whether it was among them.

        Args:
            trial_id: Its id.
        """
        waits = trial_id in self._retry_queue
        if waits:
            self._retry_queue.remove(trial_id)
        return waits

    def all_begun(self) -> bool:
        """Tell whether as many trials have begun as there may be."""
        return self.max_trials is not None and len(self.trials) >= self.max_trials

    def unfinished(self) -> bool:
        """Tell whether a trial is being trained or waits for it."""
        return bool(self.ongoing_trials or self._retry_queue)

    def _save_trial(self, trial: Trial) -> None:
        """Do nothing: `save`, which always follows, writes the trials too."""


class RandomOracle(DurableOracle, oracles.RandomSearchOracle):
    """Uniformly random trials, none twice."""


class BayesianOracle(DurableOracle, oracles.BayesianOptimizationOracle):
    """Trials where a Gaussian process expects most, after a few random ones."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the values of the next trial, none twice.

        Args:
            trial_id: Its id.
        """
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # few trials fit any length scale
            response = super().populate_space(trial_id)
        if response["values"] and self._duplicate(response["values"]):
            return self._random_populate_space()
        return response

    def _vectorize_trials(self) -> tuple[np.ndarray, np.ndarray]:
        """Return points and what to minimise there; a trial that failed is as bad as the worst.

        keras-tuner leaves these out, and so proposes the same network again.
        """
        points, scores = super()._vectorize_trials()
        failed = [each for each in self.trials.values() if each.status == TrialStatus.FAILED]
        if not failed or not len(scores):
            return points, scores
        more = [[self._place(each, hp) for hp in self._nonfixed_space()] for each in failed]
        return (
            np.concatenate([points, more]),
            np.concatenate([scores, np.full(len(failed), scores.max())]),
        )

    def _place(self, trial: Trial, hp: Any) -> float:
        """Return where in [0, 1] a trial has a hyper-parameter."""
        values = trial.hyperparameters
        known = values.is_active(hp) and hp.name in values.values
        return hp.value_to_prob(values.values[hp.name] if known else hp.default)


class HyperbandOracle(DurableOracle, oracles.HyperbandOracle):
    """Many short trials, of which the best are trained longer."""


def make_oracle(config: SearchConfig, path: Path | None = None) -> DurableOracle:
    """Make the oracle of a search, going on from its file if there is one.

    Args:
        config: The settings of the search.
        path: The file that keeps its state; a worker's has none.

    Raises:
        ValueError: If the file is broken.
    """
    shared = {
        "objective": keras_tuner.Objective(OBJECTIVE, "max"),
        "seed": mixed_seed(config.seed),
        "max_consecutive_failed_trials": sys.maxsize,
    }
    oracle: DurableOracle
    if config.oracle == "hyperband":
        oracle = HyperbandOracle(
            max_epochs=HYPERBAND_UNITS, factor=3, hyperband_iterations=None, **shared
        )
        oracle.max_trials = config.max_trials
    else:
        kind = {"random": RandomOracle, "bayesian": BayesianOracle}[config.oracle]
        oracle = kind(max_trials=config.max_trials, **shared)
    oracle._max_collisions = MAX_COLLISIONS
    oracle.verbose = 0
    if path is not None:
        oracle.path = path
        if path.is_file():
            _reload(oracle)
    return oracle


def mixed_seed(seed: int) -> int:
    """Return a seed for keras-tuner, which takes 0 for none and 1 as nearly the same as 2.

    Args:
        seed: Any seed that is not negative.
    """
    return int(np.random.SeedSequence(seed).generate_state(1)[0] % 2**30) + 1


def share_of(trial: Trial) -> float:
    """Return which part of the longest trial's steps this one trains, in (0, 1].

    Args:
        trial: A trial of any oracle.
    """
    return trial.hyperparameters.values.get("tuner/epochs", HYPERBAND_UNITS) / HYPERBAND_UNITS


def parent_of(trial: Trial) -> str | None:
    """Return the id of the trial that this one goes on from, with hyperband.

    Args:
        trial: A trial of any oracle.
    """
    return trial.hyperparameters.values.get("tuner/trial_id")


def own_values(trial: Trial) -> dict[str, Any]:
    """Return the hyper-parameters of a trial without those of the oracle itself.

    Args:
        trial: A trial of any oracle.

    Returns:
        Values by name, rounded as those that a network is trained with.
    """
    return {
        name: three_digits(value) if is_rounded(name) else value
        for name, value in trial.hyperparameters.values.items()
        if not name.startswith("tuner/")
    }


def same_values(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Compare hyper-parameters; a chief tells workers floats in single precision.

    Args:
        ours: Values by name.
        theirs: Others.
    """
    return ours.keys() == theirs.keys() and all(
        math.isclose(value, theirs[name], rel_tol=5e-3 if is_rounded(name) else 1e-6)
        if isinstance(value, float)
        else value == theirs[name]
        for name, value in ours.items()
    )


def is_final(trial: Trial) -> bool:
    """Tell whether a trial is completed or failed for good.

    Args:
        trial: The trial.
    """
    return trial.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)


def _reload(oracle: DurableOracle) -> None:
    try:
        oracle.reload()
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{oracle.path} must hold the state of a search. Received: {error}"
        ) from error
