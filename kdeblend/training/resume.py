"""Going on with a run: what is kept beside the networks, and what may have changed since."""

import logging
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from kdeblend.models.files import DamagedNetworkError, load_generator, read_facts
from kdeblend.models.gan import DeblendingGAN
from kdeblend.training.callbacks.learning_rate_drop import check_settable
from kdeblend.training.callbacks.validation import Validation
from kdeblend.training.checkpoint import (
    CheckpointError,
    DamagedCheckpointError,
    list_checkpoints,
    read_checkpoint,
    restore_checkpoint,
)
from kdeblend.training.config import TrainingConfig
from kdeblend.training.folder import RunFolder
from kdeblend.training.networks import start_from

logger = logging.getLogger(__name__)

LEARNING_RATE_FIELDS = ("learning_rate", "learning_rate_drop_step", "learning_rate_drop_factor")


def to_keep(config: TrainingConfig, history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a checkpoint keeps beside networks and step; all else follows from the seed.

    Args:
        config: Every hyper-parameter, to notice later what has changed.
        history: The rows of the log.

    Returns:
        Values that JSON can hold.
    """
    return {"settings": config.to_dict(), "history": list(history)}


def restore(gan: DeblendingGAN, run: RunFolder, config: TrainingConfig) -> Sequence[dict[str, Any]]:
    """Load the last checkpoint of a run, then what the configuration has changed since.

    A run that has none yet starts from the configuration's initial weights, if any. Instead of a
    checkpoint that is damaged, the one before is loaded, with a warning.

    Args:
        gan: The compiled networks.
        run: The run folder.
        config: Every hyper-parameter.

    Returns:
        The rows of the log until then.

    Raises:
        ValueError: If the checkpoint or the initial weights do not fit the networks, what only
            counts at the beginning of a run has changed, or no checkpoint can be read.
    """
    checkpoints = list_checkpoints(run.checkpoints)
    if not checkpoints:
        if run.exists():
            config.check_resumed(run.read_config())
        if config.initial_weights:
            start_from(gan, config.initial_weights)
        return ()
    arrays, kept = _read_last(checkpoints)
    before = _settings_of(kept, run, config)
    config.check_resumed(before)
    try:
        restore_checkpoint(gan, arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{error}. Changed since: {_changes(before, config)}") from error
    if any(getattr(before, name) != getattr(config, name) for name in LEARNING_RATE_FIELDS):
        _set_learning_rate(gan, config)
    return kept.get("history", ())


def _read_last(checkpoints):
    """Read the last checkpoint that can be read."""
    for path in reversed(checkpoints):
        try:
            return read_checkpoint(path)
        except DamagedCheckpointError as error:
            if path == checkpoints[0]:
                raise
            logger.warning("%s. Going on from the checkpoint before", error)


def _settings_of(kept, run, config):
    """Return the configuration of a checkpoint; one of an earlier version keeps a part of it."""
    base = run.read_config() if run.exists() else config
    known = {each.name for each in fields(config)}
    settings = kept.get("settings", {})
    return base.replace(**{name: settings[name] for name in settings if name in known})


def best_so_far(run: RunFolder, validation: Validation) -> tuple[float, int | None]:
    """Score the best network of a run, on blends that may have changed since.

    Args:
        run: The run folder.
        validation: Scores a network.

    Returns:
        PSNR in dB and step; minus infinity and None if its file is gone or damaged, whereupon the
        next network that is validated is the best.

    Raises:
        OSError: If the file is there and cannot be read now.
        ImportError: If a package that the network needs is missing.
    """
    if not run.generator.is_file():
        return float("-inf"), None
    try:
        generator = load_generator(run.generator)
    except DamagedNetworkError as error:
        logger.warning("left out the best network so far, which is damaged: %s", error)
        return float("-inf"), None
    return validation.scores(generator)["val_psnr"], read_facts(run.generator).get("step")


def _changes(before, now):
    names = (each.name for each in fields(now) if each.name != "steps")
    changed = [name for name in names if getattr(before, name) != getattr(now, name)]
    return ", ".join(changed) or "nothing"


def _set_learning_rate(gan, config):
    if config.learning_rate_schedule != "drop":
        return
    dropped = 0 < config.learning_rate_drop_step <= gan.steps_done
    factor = config.learning_rate_drop_factor if dropped else 1.0
    check_settable(gan.optimizer.optimizers)
    for optimizer in gan.optimizer.optimizers:
        optimizer.learning_rate = config.learning_rate * factor
