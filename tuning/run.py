"""A whole search, from its settings to a folder with the best configuration."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras_tuner

from kdeblend import backend
from kdeblend.data.open import open_split
from kdeblend.training.networks import check_backend
from kdeblend.tuning.config import SearchConfig
from kdeblend.tuning.errors import SearchStoppedError
from kdeblend.tuning.folder import SearchFolder
from kdeblend.tuning.hypermodel import DeblendingHyperModel
from kdeblend.tuning.oracles import make_oracle
from kdeblend.tuning.record import TrialRecord, best_of, read_records
from kdeblend.tuning.results import write_results, write_table
from kdeblend.tuning.service import serve, split_address, tuner_environment
from kdeblend.tuning.trial import Progress, TrialRunner, free_memory
from kdeblend.tuning.tuner import DeblendingTuner
from kdeblend.tuning.worker import WorkerTuner, wait_for_chief


class SearchFailedError(ValueError):
    """Raised when a search ends and no trial was completed; lists the reasons."""


@dataclass(frozen=True)
class SearchResult:
    """How a search ended.

    Attributes:
        records: All trials, in the order in which they began.
        best: The completed trial with the highest PSNR, or None.
        stopped_by: Name of the signal, or `"the time budget"`, that ended the search
            before it was through; else None.
    """

    records: list[TrialRecord]
    best: TrialRecord | None
    stopped_by: str | None


def search(
    config: SearchConfig,
    out: str | Path,
    resume: bool = False,
    hypermodel: Callable[[SearchConfig], DeblendingHyperModel] = DeblendingHyperModel,
    time_budget: float | None = None,
    chief: str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Search the best network, or go on searching.

    Args:
        config: All settings of the search.
        out: Its folder.
        resume: Go on with the search in `out`, if there is one.
        hypermodel: Makes the networks: `DeblendingHyperModel` or a subclass.
        time_budget: Seconds after which to stop; `resume` goes on.
        chief: `"HOST:PORT"` at which to wait for workers (`join_search`), which then do the
            training; by default it is done here.
        progress: Called with the record of a trial whenever it has changed.

    Returns:
        How the search ended.

    Raises:
        ValueError: If `out` holds a search and `resume` is False, if another process searches
            there, or if the settings or the data are unusable.
        OSError: If the data can not be read, or the chief not listen.
        SearchFailedError: If no trial was completed.

    Example:
        >>> search(SearchConfig(max_trials=20), "tuned").best.values
    """
    if chief is not None:
        split_address(chief)
    folder = SearchFolder(out)
    networks = hypermodel(config)
    _check(config, networks, devices=chief is None)
    folder.check(config, resume)
    deadline = None if time_budget is None else time.monotonic() + time_budget
    runner = TrialRunner(config, folder, networks, deadline, progress)
    with folder.locked():
        folder.start(config, resume)
        stopped_by = _run_trials(runner, chief)
        records = write_results(folder, config)
    best = best_of(records)
    if best is None and stopped_by is None:
        raise SearchFailedError(_reasons(records))
    return SearchResult(records, best, stopped_by)


def _run_trials(runner: TrialRunner, chief: str | None) -> str | None:
    """Train all trials, here or by workers, and return what has stopped it, or None."""
    folder = runner.folder
    oracle = make_oracle(runner.config, folder.oracle)
    with tuner_environment():
        tuner = DeblendingTuner(oracle, runner, lambda: write_table(folder))

    def work() -> None:
        if chief is not None:
            serve(oracle, folder, chief, _Poll(folder, runner))
            return
        for tuner_id in list(oracle.ongoing_trials):  # of a process that is gone
            oracle.release(tuner_id)
        tuner.search()

    return _until_stopped(work)


def join_search(
    out: str | Path,
    address: str,
    hypermodel: Callable[[SearchConfig], DeblendingHyperModel] = DeblendingHyperModel,
    time_budget: float | None = None,
    progress: Progress | None = None,
    joined: Callable[[SearchConfig], object] = lambda config: None,
) -> str | None:
    """Train trials of a search that has a chief, until there are no more.

    Args:
        out: The folder of the search, which chief and workers share.
        address: `"HOST:PORT"` of the chief.
        hypermodel: As the chief has it.
        time_budget: Seconds after which to stop; the chief then gives the trial to others.
        progress: Called with the record of this worker's trial whenever it has changed.
        joined: Called with the settings of the search when the chief has answered.

    Returns:
        Name of the signal, or `"the time budget"`, that ended it early; else None.

    Raises:
        OSError: If the chief does not answer.
        ValueError: If the address is none, or the folder holds no search.
    """
    split_address(address)
    wait_for_chief(address)
    folder = SearchFolder(out)
    config = folder.read_config()
    joined(config)
    deadline = None if time_budget is None else time.monotonic() + time_budget
    runner = TrialRunner(config, folder, hypermodel(config), deadline, progress)
    oracle = make_oracle(config)
    return _until_stopped(WorkerTuner(oracle, runner, address).search)


class _Poll:
    """What the chief does while workers train: watch the trials, the table and the clock."""

    def __init__(self, folder: SearchFolder, runner: TrialRunner):
        self.folder = folder
        self.runner = runner
        self.seen: dict[int, TrialRecord] = {}

    def __call__(self) -> None:
        records = {record.number: record for record in read_records(self.folder.trials)}
        changed = [n for n, record in records.items() if self.seen.get(n) != record]
        for number in changed:  # a worker does not write each step
            self.runner.progress(dataclasses.replace(records[number], steps=0))
        if changed:
            write_table(self.folder)
        self.seen = records
        self.runner.check_deadline()


def _until_stopped(work: Callable[[], None]) -> str | None:
    """Do something, and return what has stopped it, or None."""
    try:
        work()
    except SearchStoppedError as stop:
        return stop.reason
    except KeyboardInterrupt:
        return "SIGINT"
    return None


def _check(config: SearchConfig, networks: DeblendingHyperModel, devices: bool) -> None:
    """Find mistakes that would make every trial fail."""
    training = config.space().base
    check_backend(training)
    source, _ = open_split(training.data, training.stamp_size)
    if devices:
        with backend.distribution(training.devices):
            pass
    else:  # a chief needs none, and would learn of other mistakes from its workers only
        middle = networks.configure(keras_tuner.HyperParameters())
        networks.build_networks(middle.replace(burn_in=0, perceptual_weight=0.0), source.bands)
        free_memory()


def _reasons(records: list[TrialRecord]) -> str:
    counts = Counter(f"{record.state}: {record.reason}" for record in records)
    lines = [f"  {count} x {reason}" for reason, count in counts.most_common()]
    return "\n".join([f"No trial was completed, of {len(records)}:", *lines])
