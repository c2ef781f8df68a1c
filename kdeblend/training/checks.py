"""What the hyper-parameters of a training may be: their types and their ranges."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_origin

import numpy as np

from kdeblend.metrics.ssim import WINDOW
from kdeblend.training.recipes import PRESETS

if TYPE_CHECKING:
    from kdeblend.training.config import TrainingConfig

SCHEDULES = ("drop", "cosine")
POSITIVE = (
    "steps", "batch_size", "discriminator_filters", "learning_rate",
    "learning_rate_drop_factor", "validation_blends", "validate_every", "checkpoint_every",
    "log_every", "steps_per_execution", "workers",
)  # fmt: skip
NOT_NEGATIVE = (
    "cache_gb", "discriminator_blocks", "vgg_image_size", "adversarial_weight",
    "perceptual_weight", "burn_in", "learning_rate_drop_step", "average_momentum", "seed",
)  # fmt: skip
SHARES = ("degrade", "lupton_share")


def as_declared(name: str, hint: Any, value: Any) -> Any:
    """Return a value as the type that its field of `TrainingConfig` declares.

    Args:
        name: The field.
        hint: Its type.
        value: What was given, perhaps by YAML or NumPy.

    Raises:
        ValueError: If it cannot be taken for one.
    """
    kind = get_origin(hint) or hint
    value = _plain(value)
    if kind is tuple and isinstance(value, str):
        return _devices(value) if name == "devices" else (value,)
    if kind is tuple and isinstance(value, list):
        return tuple(str(each) for each in value)
    if kind is int and isinstance(value, str | float):
        value = _whole(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    if kind is float and isinstance(value, str):
        return _float(name, value)
    raise ValueError(f"`{name}` must be of type {kind.__name__}. Received: {name}={value!r}")


def _devices(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _plain(value: Any) -> Any:
    """Return a copy of what YAML can hold: NumPy's scalars as Python's, tuples as lists."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return copy.deepcopy(value)


def _whole(value: str | float) -> Any:
    """Return a whole number written as 1e3 or 1000.0 as an int, anything else as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else value


def _float(name: str, text: str) -> float:
    """Read a float; YAML takes 1e-4, with no point, for a string."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"`{name}` must be a number. Received: {name}={text!r}") from None


def check_ranges(config: "TrainingConfig") -> None:
    """Check that every value is possible.

    Args:
        config: The values.

    Raises:
        ValueError: If one is not.
    """
    for name in POSITIVE:
        if not getattr(config, name) > 0:
            raise ValueError(f"`{name}` must be positive. Received: {getattr(config, name)}")
    for name in NOT_NEGATIVE:
        if not getattr(config, name) >= 0:
            raise ValueError(f"`{name}` must not be negative. Received: {getattr(config, name)}")
    if config.stamp_size < WINDOW:
        raise ValueError(
            f"`stamp_size` must be at least {WINDOW}, the window of SSIM. "
            f"Received: {config.stamp_size}"
        )
    if config.average_momentum >= 1:
        raise ValueError(f"`average_momentum` must be below 1. Received: {config.average_momentum}")
    if not 0 <= config.sky_light < 1:
        raise ValueError(f"`sky_light` must be in [0, 1). Received: {config.sky_light}")
    for name in SHARES:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"`{name}` must be in [0, 1]. Received: {getattr(config, name)}")
    if config.preset not in PRESETS:
        raise ValueError(
            f"`preset` must be one of {sorted(PRESETS)}. Received: preset={config.preset!r}"
        )
    _check_devices(config)
    if config.seed >= 2**32:
        raise ValueError(f"`seed` must be below 2**32. Received: {config.seed}")
    if config.learning_rate_schedule not in SCHEDULES:
        raise ValueError(
            f"`learning_rate_schedule` must be one of {SCHEDULES}. "
            f"Received: {config.learning_rate_schedule!r}"
        )
    if not config.data:
        raise ValueError("`data` must name at least one source of galaxies. Received: data=()")


def _check_devices(config: "TrainingConfig") -> None:
    if len(set(config.devices)) < len(config.devices):
        raise ValueError(
            f"`devices` must be named once each. Received: devices={list(config.devices)}"
        )
    if config.devices and config.batch_size % len(config.devices):
        raise ValueError(
            "`batch_size` must be a multiple of the number of devices. "
            f"Received: batch_size={config.batch_size}, devices={list(config.devices)}"
        )
