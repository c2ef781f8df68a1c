"""What is known of a trial: one JSON file in its folder, from which all tables are made."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.io.atomic import write_json

RUNNING, WAITING, COMPLETED = "running", "waiting", "completed"
FAILED, INFEASIBLE = "failed", "infeasible"
FINISHED = (COMPLETED, FAILED, INFEASIBLE)
NAME = "record.json"


@dataclass
class TrialRecord:
    """One trial, as far as it has come.

    Attributes:
        number: From 1, in the order in which trials begin.
        values: Values of the searched hyper-parameters by name.
        state: `"running"`, `"waiting"` for a worker, `"completed"`, `"failed"` or
            `"infeasible"`.
        reason: Why it failed or is infeasible.
        psnr: Best PSNR on the validation blends, mean of the executions, in dB.
        parameters: Parameters of the generator.
        ms: Milliseconds to deblend a stamp.
        seconds: Seconds of training, of all executions.
        step: Training steps done, of all executions.
        steps: Training steps in all.
        started: Steps that were done at each start since the last progress.
        config: The configuration of the full training.
    """

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    state: str = RUNNING
    reason: str = ""
    psnr: float | None = None
    parameters: int | None = None
    ms: float | None = None
    seconds: float | None = None
    step: int = 0
    steps: int = 0
    started: list[int] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the record into the folder of its trial.

        Args:
            folder: The folder, made if it is not there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / NAME, dataclasses.asdict(self), default=_plain)


def read_record(folder: Path) -> TrialRecord:
    """Return the record in the folder of a trial, a new one if there is none.

    Args:
        folder: The folder, named by the trial's number.
    """
    try:
        text = (folder / NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return TrialRecord(int(folder.name))
    return TrialRecord(**json.loads(text))


def read_records(trials: Path) -> list[TrialRecord]:
    """Return the records of all trials by their numbers.

    Args:
        trials: The folder with a folder for each.
    """
    paths = [path.parent for path in trials.glob(f"*/{NAME}")]
    return sorted((read_record(path) for path in paths), key=lambda record: record.number)


def best_of(records: list[TrialRecord]) -> TrialRecord | None:
    """Return the completed trial with the highest PSNR, or None.

    Args:
        records: Trials in any state.
    """
    completed = [record for record in records if record.state == COMPLETED]
    return max(completed, key=_psnr, default=None)


def _plain(value: Any) -> Any:
    """Return a number or array of NumPy as JSON can hold it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"A configuration must hold plain values. Received: {value!r}")


def _psnr(record: TrialRecord) -> float:
    return float("-inf") if record.psnr is None else record.psnr
