"""The record of a run: a CSV row and TensorBoard curves every few steps."""

import csv
import time
from pathlib import Path

from keras import ops

from kdeblend.io.atomic import write_csv
from kdeblend.training.callbacks.step_callback import StepCallback


class TrainingLog(StepCallback):
    """Writes means of all losses to CSV and TensorBoard.

    Validation results that other callbacks put into `logs` by the prefix `val_`
    are written as they are; this callback must come after them.

    Args:
        path: The CSV file.
        writer: An `EventWriter`, or None for no TensorBoard.
        every: Steps between rows.
        rows: What a checkpoint has kept of the log, when a run is resumed.

    Attributes:
        rows: The rows so far, each a dict from column to text.
    """

    def __init__(self, path, writer=None, every=50, rows=()):
        super().__init__()
        self.path = Path(path)
        self.writer = writer
        self.every = every
        self.rows = list(rows)
        self._pending = []

    def on_train_begin(self, logs=None):
        """Write the rows so far; what a killed run wrote after its checkpoint is gone."""
        super().on_train_begin(logs)
        self._write_all()
        if validation := _validation(logs or {}):
            self._add_row(self.step, validation)
        self._pending, self._since = [], (self.step, time.perf_counter())

    def on_step(self, step, logs):
        """Collect the step's losses and write a row when it is time."""
        self._pending.append({k: v for k, v in logs.items() if not k.startswith("val_")})
        validation = _validation(logs)
        if self.crossed(self.every) or validation:
            self._add_row(step, {**self._means(step), **validation})

    def on_train_end(self, logs=None):
        """Write the last, shorter row."""
        if self._pending:
            self._add_row(self.step, self._means(self.step))

    def _means(self, step):
        pending, self._pending = self._pending, []
        means = {name: _mean([logs[name] for logs in pending]) for name in pending[0]}
        for name, optimizer in zip(
            ("generator", "discriminator"), self.model.optimizer.optimizers, strict=False
        ):
            means[f"{name}_learning_rate"] = float(ops.convert_to_numpy(optimizer.learning_rate))
        first, start = self._since
        self._since = (step, time.perf_counter())
        means["steps_per_second"] = (step - first) / (self._since[1] - start)
        return means

    def _add_row(self, step, values):
        row = {"step": step, **{name: f"{value:.6g}" for name, value in values.items()}}
        known = list(self.rows[0]) if self.rows else []
        self.rows.append(row)
        if set(row) <= set(known):
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, known).writerow(row)
        else:
            self._write_all()
        if self.writer is not None:
            self.writer.scalars(step, values, time.time())

    def _write_all(self):
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        self.rows = [{name: row.get(name, "") for name in names} for row in self.rows]
        write_csv(self.path, names, (row.values() for row in self.rows))


def read_log(path):
    """Return the rows of a log, each a dict from column to text; none if there is no file.

    Args:
        path: The CSV file.
    """
    if not Path(path).is_file():
        return []
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _validation(logs):
    return {k: float(v) for k, v in logs.items() if k.startswith("val_")}


def _mean(values):
    return sum(float(value) for value in values) / len(values)
