"""One trial: networks that fit the limits, trained in a folder of their own."""

import contextlib
import gc
import math
import shutil
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import keras
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError

from kdeblend import backend
from kdeblend.data.open import open_split
from kdeblend.io.locks import FolderInUseError
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.training_log import read_log
from kdeblend.training.checkpoint import list_checkpoints, step_of
from kdeblend.training.config import TrainingConfig
from kdeblend.training.folder import RunFolder
from kdeblend.training.train import TrainingResult, train
from kdeblend.tuning.config import SearchConfig
from kdeblend.tuning.errors import (
    FilesError,
    InfeasibleTrialError,
    SearchStoppedError,
    TrialTakenError,
    describe_error,
    files_apart,
)
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.measure import milliseconds_a_stamp
from kdeblend.tuning.oracles import own_values, parent_of, same_values, share_of
from kdeblend.tuning.record import (
    COMPLETED,
    FAILED,
    FINISHED,
    INFEASIBLE,
    RUNNING,
    WAITING,
    TrialRecord,
)
from kdeblend.tuning.record import read_record as read

MAX_STARTS = 3
WAIT_SECONDS = 2.0

Progress = Callable[[TrialRecord], None]


class TrialRunner:
    """Trains the trials of a search.

    Args:
        config: The settings of the search.
        folder: Its folder.
        hypermodel: Makes configurations and networks from hyper-parameters.
        deadline: `time.monotonic()` at which to stop, or None.
        progress: Called with the record of a trial whenever it has changed.

    Attributes:
        taken: Set it when the trial has been given to another worker.
    """

    def __init__(
        self,
        config: SearchConfig,
        folder: SearchFolder,
        hypermodel: DeblendingHyperModel,
        deadline: float | None = None,
        progress: Progress | None = None,
    ):
        self.config = config
        self.folder = folder
        self.hypermodel = hypermodel
        self.deadline = deadline
        self.progress = progress or (lambda record: None)
        self.taken = threading.Event()

    def check_deadline(self) -> None:
        """Check that there is time left.

        Raises:
            SearchStoppedError: If there is none.
        """
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise SearchStoppedError("the time budget")

    def run(self, trial: Trial) -> float:
        """Train a trial, or go on training it, and record how it ends.

        Args:
            trial: A trial of keras-tuner.

        Returns:
            Its validation PSNR in dB.

        Raises:
            FailedTrialError: If it fails; the record has the reason.
            SearchStoppedError: If it was stopped; it goes on from its checkpoint.
            FilesError: If files can not be read or written, or are of another search; it can
                go on, too.
            TrialTakenError: If another worker has it now.
        """
        path = self.folder.trial(trial.trial_id)
        record = read(path)
        if record.values and not same_values(record.values, own_values(trial)):
            raise FilesError(
                f"{path} must hold the trial that is asked for, but has one of another search: a "
                "worker must be given its chief's folder"
            )
        if record.state not in FINISHED:  # else only the oracle was not told
            self._run(trial, path, record)
        if record.state != COMPLETED or record.psnr is None:
            raise FailedTrialError(record.reason)
        return record.psnr

    def _run(self, trial: Trial, path: Path, record: TrialRecord) -> None:
        record.state, record.reason = RUNNING, ""
        try:
            base = self.config.space().base
            with files_apart(lambda: open_split(base.data, base.stamp_size)):
                self._start(trial, path, record)
                record.psnr = self._train(trial, path, record)
            record.state = COMPLETED
        except (SearchStoppedError, TrialTakenError, KeyboardInterrupt, FilesError):
            if not self.taken.is_set():
                record.state = WAITING
                record.started.clear()
                with contextlib.suppress(OSError):
                    record.save(path)
            raise
        except Exception as error:  # whatever it is, the search goes on
            record.state = INFEASIBLE if isinstance(error, InfeasibleTrialError) else FAILED
            record.reason = describe_error(error)
            (path / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        finally:
            record.seconds = sum(map(_training_seconds, self._runs(path)))
            free_memory()
        record.save(path)
        self.progress(record)

    def _start(self, trial: Trial, path: Path, record: TrialRecord) -> None:
        """Record that the trial begins or goes on, unless it keeps killing its process."""
        record.values = own_values(trial)
        self._copy_parent(trial, path)
        record.step = sum(_steps_done(run) for run in self._runs(path))
        if record.started and record.started[-1] != record.step:
            record.started.clear()
        record.started.append(record.step)
        record.save(path)
        self.progress(record)
        if len(record.started) > MAX_STARTS:
            raise RuntimeError(
                f"The process died {MAX_STARTS} times before the next checkpoint, perhaps for "
                "lack of memory"
            )

    def _train(self, trial: Trial, path: Path, record: TrialRecord) -> float:
        full = self.hypermodel.configure(trial.hyperparameters)
        record.config = full.to_dict()
        runs = self._runs(path)
        configs = [
            self.config.trial_config(full, number, share_of(trial)) for number in range(len(runs))
        ]
        record.steps = sum(config.steps for config in configs)
        scores, before = [], 0
        for config, run in zip(configs, runs, strict=True):
            scores.append(self._train_once(config, run, path, record, before))
            before += config.steps
        return sum(scores) / len(scores)

    def _train_once(self, config, run: Path, path: Path, record: TrialRecord, before: int) -> float:
        built = []

        def build(config: TrainingConfig, bands: int):
            gan = self.hypermodel.build_networks(config, bands)
            built.append((gan.averaged_generator, config, bands))
            self._check_limits(*built[0], record)
            record.save(path)
            self.progress(record)
            return gan

        watch = _Watch(self, record, before)
        result = None
        while result is None:
            try:
                result = train(
                    config, run, resume=True, progress=False, build=build, callbacks=[watch]
                )
            except FolderInUseError as error:
                self._wait(record, str(error))
        score = self._score(result, config)
        with backend.distribution(config.devices):
            again = milliseconds_a_stamp(*built[0])
        record.ms = min(again, record.ms or again)  # other work may have disturbed the first time
        return score

    def _wait(self, record: TrialRecord, reason: str) -> None:
        """Wait a little for another process that trains this trial: one thought lost, perhaps."""
        self.check_deadline()
        record.reason = reason
        self.progress(record)
        if self.taken.wait(WAIT_SECONDS):
            raise TrialTakenError
        record.reason = ""

    def _score(self, result: TrainingResult, config: TrainingConfig) -> float:
        if self.taken.is_set():
            raise TrialTakenError
        if result.stopped_by is not None:
            raise SearchStoppedError(result.stopped_by.name)
        if result.step < config.steps:
            raise SearchStoppedError("the time budget")
        if result.best_psnr is None or not math.isfinite(result.best_psnr):
            raise ArithmeticError(f"The validation PSNR is {result.best_psnr}")
        return result.best_psnr

    def _check_limits(self, generator, config: TrainingConfig, bands: int, record: TrialRecord):
        """Count and time the generator before anything is trained."""
        limit = self.config.max_parameters
        record.parameters = generator.count_params()
        if limit is not None and record.parameters > limit:
            raise InfeasibleTrialError(f"{record.parameters:,} parameters are more than {limit:,}")
        measured = milliseconds_a_stamp(generator, config, bands)
        record.ms = record.ms or measured  # a trial that goes on keeps what it was admitted with
        if self.config.max_ms is not None and record.ms > self.config.max_ms:
            raise InfeasibleTrialError(
                f"{record.ms:.2f} ms a stamp are more than {self.config.max_ms:g}"
            )

    def _runs(self, path: Path) -> list[Path]:
        return [path / f"run-{n + 1}" for n in range(self.config.executions_per_trial)]

    def _copy_parent(self, trial: Trial, path: Path) -> None:
        """Let a trial of hyperband's later rounds go on from its parent's checkpoints."""
        parent = parent_of(trial)
        if parent is None:
            return
        for source, run in zip(
            self._runs(self.folder.trial(parent)), self._runs(path), strict=True
        ):
            if source.is_dir() and not run.exists():
                temporary = run.with_name(f".{run.name}")
                shutil.rmtree(temporary, ignore_errors=True)
                shutil.copytree(source, temporary)
                temporary.rename(run)


class _Watch(StepCallback):
    """Reports each step, and ends a training whose time is over or that another worker has."""

    def __init__(self, runner: TrialRunner, record: TrialRecord, before: int):
        super().__init__()
        self.runner = runner
        self.record = record
        self.before = before

    def on_step(self, step, logs):
        """Report the step, and stop if it must."""
        self.record.step = self.before + step
        self.runner.progress(self.record)
        try:
            self.runner.check_deadline()
        except SearchStoppedError:
            self.model.stop_training = True
        if self.runner.taken.is_set():
            self.model.stop_training = True


def free_memory() -> None:
    """Let go of the networks of a trial, lest the next one finds no room."""
    keras.utils.clear_session(free_memory=True)
    gc.collect()


def _steps_done(run: Path) -> int:
    checkpoints = list_checkpoints(RunFolder(run).checkpoints)
    return step_of(checkpoints[-1]) if checkpoints else 0


def _training_seconds(run: Path) -> float:
    """Add up the seconds of a run from its log, which holds steps per second."""
    seconds, before = 0.0, 0
    for row in read_log(RunFolder(run).log):
        step = int(row["step"])
        speed = float(row.get("steps_per_second") or 0)  # none in the row of initial weights
        seconds += (step - before) / speed if speed else 0.0
        before = step
    return seconds
