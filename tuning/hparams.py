"""The trials as TensorBoard's HParams: `tensorboard --logdir OUT/tensorboard`."""

import shutil
import time
from pathlib import Path

from kdeblend.io.events import EventWriter
from kdeblend.tuning.record import COMPLETED, TrialRecord
from kdeblend.tuning.space import label

METRICS = ("psnr", "ms", "parameters", "seconds")


def write_hparams(records: list[TrialRecord], names: list[str], folder: Path) -> None:
    """Write all completed trials, in place of what the folder held.

    Args:
        records: Trials in any state.
        names: Names of the searched hyper-parameters.
        folder: The folder; a folder in it for each trial.
    """
    shutil.rmtree(folder, ignore_errors=True)
    writer = EventWriter(folder)
    completed = [record for record in records if record.state == COMPLETED]
    values = {label(n): [r.values[n] for r in completed if n in r.values] for n in names}
    writer.hparams_experiment(values, METRICS, time.time())
    writer.close()
    for record in completed:
        writer = EventWriter(folder / f"{record.number:03d}")
        chosen = {label(name): value for name, value in record.values.items()}
        writer.hparams_session(f"trial {record.number}", chosen, time.time())
        measured = {name: float(getattr(record, name) or 0.0) for name in METRICS}
        writer.scalars(record.step, measured, time.time())
        writer.close()
