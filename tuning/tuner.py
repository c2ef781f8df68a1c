"""The loop over trials: keras-tuner's, with trials as kdeblend trains them."""

import time
from collections.abc import Callable

from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from kdeblend.tuning.oracles import OBJECTIVE, DurableOracle
from kdeblend.tuning.trial import TrialRunner

IDLE_SECONDS = 1.0


class DeblendingTuner(BaseTuner):
    """Asks an oracle for trials and trains them, until there are no more.

    Args:
        oracle: The oracle; in a worker it only knows the search space, and its
            place is taken by keras-tuner's client of the chief's.
        runner: Trains each trial.
        trial_ended: Called after each trial.
    """

    def __init__(
        self,
        oracle: DurableOracle,
        runner: TrialRunner,
        trial_ended: Callable[[], object] = lambda: None,
    ):
        self.runner = runner
        self.trial_ended = trial_ended
        folder = runner.folder.path
        super().__init__(oracle, runner.hypermodel, directory=str(folder), project_name="trials")

    def search(self) -> None:
        """Train trial after trial.

        Raises:
            SearchStoppedError: If the search is to stop before it is through.
        """
        while True:
            self.runner.check_deadline()
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == TrialStatus.STOPPED:
                return
            if trial.status == TrialStatus.IDLE:
                time.sleep(IDLE_SECONDS)
                continue
            self.train_trial(trial)
            self.trial_ended()

    def train_trial(self, trial: Trial) -> None:
        """Train a trial and tell the oracle how it ended.

        Args:
            trial: What the oracle has given.

        Raises:
            SearchStoppedError: If it was stopped before it was through.
        """
        self._try_run_and_update_trial(trial)
        self.oracle.end_trial(trial)

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Train a trial and return its score.

        Args:
            trial: What the oracle has given.
        """
        return {OBJECTIVE: self.runner.run(trial)}

    def save(self) -> None:
        """Do nothing: the oracle keeps itself, and there is nothing else to keep."""

    def _try_run_and_update_trial(self, trial: Trial) -> None:
        """Set how a trial has ended; keras-tuner itself would print each error."""
        try:
            self._run_and_update_trial(trial)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)

    def _populate_initial_space(self) -> None:
        """Declare the search space; keras-tuner itself would build networks for that."""
        hp = self.oracle.get_space()
        self.hypermodel.configure(hp)
        self.oracle.update_space(hp)
