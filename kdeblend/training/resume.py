"""Going on with a run: what is kept beside the networks, and what may have changed since."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from kdeblend.models.files import load_generator
from kdeblend.models.gan import DeblendingGAN
from kdeblend.training.callbacks.validation import Validation
from kdeblend.training.checkpoint import (
    CheckpointError,
    DamagedCheckpointError,
    list_checkpoints,
    load_checkpoint,
)
from kdeblend.training.config import TrainingConfig
from kdeblend.training.folder import RunFolder
from kdeblend.training.networks import start_from

logger = logging.getLogger(__name__)

LEARNING_RATE_FIELDS = ("learning_rate", "learning_rate_drop_step", "learning_rate_drop_factor")


@dataclass(frozen=True)
class RunState:
    """How far a run has come; all else follows from its networks, seed and step.

    Attributes:
        best_psnr: Best PSNR on the validation blends, in dB, minus infinity before the first
            validation.
        best_step: The step of the best PSNR, if that is known.
        blends: Fingerprint of the validation blends that it was measured on, if that is known.
        history: The rows of the log.
    """

    best_psnr: float = float("-inf")
    best_step: int | None = None
    blends: str | None = None
    history: Sequence[dict[str, Any]] = field(default_factory=tuple)

    def to_dict(self, config: TrainingConfig) -> dict[str, Any]:
        """Return what a checkpoint keeps, for JSON.

        Args:
            config: Every hyper-parameter, to notice later what has changed.
        """
        return {
            "settings": _settings(config),
            "best_psnr": self.best_psnr,
            "best_step": self.best_step,
            "blends": self.blends,
            "history": list(self.history),
        }


def restore(gan: DeblendingGAN, run: RunFolder, config: TrainingConfig) -> RunState:
    """Load the last checkpoint of a run, then what the configuration has changed since.

    A run that has none yet starts from the configuration's initial weights, if any. Instead of a
    checkpoint that is damaged, the one before is loaded, with a warning.

    Args:
        gan: The compiled networks.
        run: The run folder.
        config: Every hyper-parameter.

    Raises:
        ValueError: If the checkpoint or the initial weights do not fit the networks, or no
            checkpoint can be read.
    """
    checkpoints = list_checkpoints(run.checkpoints)
    if not checkpoints:
        if config.initial_weights:
            start_from(gan, config.initial_weights)
        return RunState()
    try:
        kept = _load_last(gan, checkpoints)
    except DamagedCheckpointError:
        raise
    except CheckpointError as error:
        changes = _names_of_changes(run.read_config(), config) if run.exists() else "config.yaml"
        raise CheckpointError(f"{error}. Changed since: {changes}") from error
    before = kept.get("settings") or _settings(run.read_config())
    now = _settings(config)
    if any(before[name] != now[name] for name in now):
        _set_learning_rate(gan, config)
    known = {name: kept[name] for name in ("best_psnr", "best_step", "blends") if name in kept}
    return RunState(**known, history=kept.get("history", ()))


def _load_last(gan, checkpoints):
    """Load the last checkpoint that can be read; return what was kept beside the networks."""
    for path in reversed(checkpoints):
        try:
            return load_checkpoint(gan, path)
        except DamagedCheckpointError as error:
            if path == checkpoints[0]:
                raise
            logger.warning("%s. Going on from the checkpoint before", error)


def best_so_far(
    before: RunState, run: RunFolder, validation: Validation
) -> tuple[float, int | None]:
    """Return PSNR and step of the best network, scored again if the blends are other ones.

    If its file is gone or damaged, or no checkpoint tells of it, there is none, and the next that
    is validated is the best.

    Args:
        before: How far the run had come.
        run: The run folder.
        validation: Scores a network.
    """
    if not run.generator.is_file() or before.best_psnr == float("-inf"):
        return float("-inf"), None
    if before.blends == validation.fingerprint:
        return before.best_psnr, before.best_step
    try:
        generator = load_generator(run.generator)
    except Exception as error:  # Keras raises many kinds for a damaged file
        logger.warning("left out the best network so far, %s: %s", run.generator, error)
        return float("-inf"), None
    return validation.scores(generator)["val_psnr"], before.best_step


def _names_of_changes(before, now):
    names = (each.name for each in fields(now) if each.name != "steps")
    changed = [name for name in names if getattr(before, name) != getattr(now, name)]
    return ", ".join(changed) or "nothing"


def _settings(config):
    """Return what a checkpoint's optimisers depend on and a resumed run may change, for JSON."""
    return {name: getattr(config, name) for name in LEARNING_RATE_FIELDS}


def _set_learning_rate(gan, config):
    if config.learning_rate_schedule != "drop":
        return
    dropped = 0 < config.learning_rate_drop_step <= gan.steps_done
    factor = config.learning_rate_drop_factor if dropped else 1.0
    for optimizer in gan.optimizer.optimizers:
        optimizer.learning_rate = config.learning_rate * factor
