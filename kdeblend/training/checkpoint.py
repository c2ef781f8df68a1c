"""Checkpoints: everything that a run needs to go on, in one file.

A checkpoint is a NumPy archive of named arrays in the order of the networks'
variables, so that one written with one backend opens with the others.
"""

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
from keras import ops

from kdeblend.io.atomic import atomic_path
from kdeblend.training.callbacks.step_callback import StepCallback
from kdeblend.training.callbacks.stop_on_nan import TrainingDivergedError

KEEP = 2
NAME = re.compile(r"step-(\d{8,})\.npz")


class CheckpointError(ValueError):
    """Raised when a checkpoint does not fit the networks, or can not be read."""


class DamagedCheckpointError(CheckpointError):
    """Raised when a checkpoint can not be read."""


def save_checkpoint(gan, folder, step, extra=None):
    """Write a checkpoint atomically and delete all but the last two.

    Args:
        gan: A compiled `DeblendingGAN`.
        folder: Where `step-00001000.npz` and the like go.
        step: Training step.
        extra: Further values, anything that JSON can hold.

    Returns:
        Path of the checkpoint.

    Raises:
        TrainingDivergedError: If a weight is not finite; the older checkpoints stay.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: ops.convert_to_numpy(v) for name, v in _variables(gan).items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise TrainingDivergedError("weights are not finite", step)
    arrays["extra"] = np.frombuffer(json.dumps(extra or {}).encode(), np.uint8)
    path = folder / f"step-{step:08d}.npz"
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)
    for old in list_checkpoints(folder)[:-KEEP]:
        old.unlink()
    return path


def read_checkpoint(path):
    """Read a checkpoint.

    Args:
        path: The checkpoint.

    Returns:
        Its arrays by name, and the `extra` values that it was saved with.

    Raises:
        DamagedCheckpointError: If it is none.
        OSError: If the file can not be read.
    """
    content = Path(path).read_bytes()  # what keeps it from being read is no damage
    try:
        with np.load(io.BytesIO(content)) as archive:
            arrays = {name: archive[name] for name in archive.files}
        extra = json.loads(arrays.pop("extra").tobytes())
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DamagedCheckpointError(f"{path} must be a checkpoint. Received: {error}") from error
    return arrays, extra


def restore_checkpoint(gan, arrays):
    """Give networks of the same shape what a checkpoint holds.

    Args:
        gan: A compiled `DeblendingGAN`.
        arrays: As `read_checkpoint` gives them.

    Raises:
        CheckpointError: If they do not fit.
    """
    variables = _variables(gan)
    expected = {name: tuple(v.shape) for name, v in variables.items()}
    received = {name: array.shape for name, array in arrays.items()}
    if expected != received:
        raise CheckpointError(
            "a checkpoint must fit the networks of this run. Received: one that differs in "
            f"{_differences(expected, received)}"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def list_checkpoints(folder):
    """Return the paths of the checkpoints in a folder, oldest first.

    Args:
        folder: The folder; it need not exist.
    """
    paths = [path for path in Path(folder).glob("step-*.npz") if NAME.fullmatch(path.name)]
    return sorted(paths, key=step_of)


def step_of(path):
    """Return the step after which a checkpoint was written.

    Args:
        path: One that `list_checkpoints` returned.
    """
    return int(Path(path).stem.removeprefix("step-"))


class Checkpoint(StepCallback):
    """Writes a checkpoint every few steps; put it last, after all that change weights.

    Args:
        folder: Where the checkpoints go.
        every: Steps between them.
        last_step: Step after which to write one in any case.
        extra: Function of no arguments that returns what else to keep.
    """

    def __init__(self, folder, every, last_step, extra=dict):
        super().__init__()
        self.folder = Path(folder)
        self.every = every
        self.last_step = last_step
        self.extra = extra
        self.saved_step = None

    def on_step(self, step, logs):
        """Write a checkpoint when it is time."""
        if self.crossed(self.every) or self.passed(self.last_step):
            self.save()

    def save(self):
        """Write a checkpoint of the current step, unless that is done."""
        if self.saved_step != self.step:
            save_checkpoint(self.model, self.folder, self.step, self.extra())
            self.saved_step = self.step


def _variables(gan):
    groups = {
        "generator": gan.generator.variables,
        "averaged_generator": gan.averaged_generator.variables,
        "discriminator": gan.discriminator.variables if gan.discriminator else [],
        "optimizer": gan.optimizer.variables,
        "burning_in": [gan.burning_in],
    }
    return {
        f"{group}/{index:04d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }


def _differences(expected, received):
    names = sorted(name for name in expected | received if expected.get(name) != received.get(name))
    return f"{len(names)} of {len(expected | received)} arrays, the first of them {names[0]!r}"
