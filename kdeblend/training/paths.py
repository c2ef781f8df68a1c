"""Paths of files among the hyper-parameters, made absolute so that a run resumes from anywhere."""

import os
from typing import Any

from kdeblend.training.config import TrainingConfig

FIELDS = ("data", "vgg_weights", "initial_weights")


def with_absolute_paths(config: TrainingConfig) -> TrainingConfig:
    """Return a configuration whose paths do not depend on the working folder.

    Args:
        config: Every hyper-parameter.
    """
    return config.replace(**absolute_paths({name: getattr(config, name) for name in FIELDS}))


def absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters with absolute paths.

    Args:
        values: Fields of `TrainingConfig` by name; `data` may be a single path.
    """
    values = dict(values)
    if "data" in values:
        data = values["data"]
        paths = data if isinstance(data, list | tuple) else [data]
        values["data"] = [_absolute(str(each)) for each in paths]
    for name in ("vgg_weights", "initial_weights"):
        if isinstance(values.get(name), str):
            values[name] = _absolute(values[name])
    return values


def _absolute(path: str) -> str:
    """Make the path of a file absolute; a name such as "hubble" or "imagenet" stays as it is."""
    is_name = path in ("hubble", "imagenet", "none") or not os.path.exists(path)
    return path if is_name else os.path.abspath(path)
