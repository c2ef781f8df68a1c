"""Options that several commands share, and how their values are read."""

import os
from typing import Any

import click
import yaml

data_option = click.option(
    "--data",
    multiple=True,
    metavar="PATH",
    help="Folder, .zip, .tar or HDF5 file of galaxies, or 'hubble' (default); can be repeated.",
)

seed_option = click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the blends (0)."
)

perturb_option = click.option(
    "--perturb",
    type=click.Choice(["second", "both"]),
    help="Which galaxies are turned and scaled: second (default, the paper's) or both, which is "
    "closer to the sky.",
)

consistent_option = click.option(
    "--consistent/--no-consistent",
    default=None,
    help="Make the layers agree with the blend, or take the network's as they are. By default only "
    "those of networks whose head has not built it in, as 'visible' has for blends by maximum.",
)

orientations_option = click.option(
    "--orientations",
    type=click.Choice(["1", "2", "4", "8"]),
    callback=lambda context, parameter, value: value and int(value),
    help="Have networks average over so many flips and turns of each image; more is better and "
    "slower. By default as the preset says.",
)

devices_option = click.option(
    "--devices", metavar="LIST", help="Devices that share a batch: gpu:0,gpu:1"
)

mixed_precision_option = click.option(
    "--mixed-precision/--full-precision",
    default=None,
    help="Compute in bfloat16, or in float32 throughout.",
)

xla_option = click.option(
    "--xla/--no-xla", default=None, help="Compile with XLA (TensorFlow; JAX always does)."
)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as `TrainingConfig` names them, with absolute paths.

    Args:
        options: What click has parsed, by name.
    """
    values = {name: value for name, value in options.items() if value not in (None, ())}
    if isinstance(values.get("devices"), str):
        values["devices"] = [each.strip() for each in values["devices"].split(",")]
    return with_absolute_paths(values)


def with_absolute_paths(values: dict[str, Any]) -> dict[str, Any]:
    """Return hyper-parameters with absolute paths, so that a run can be resumed from anywhere.

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


def assignment(text: str, option: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`, where the value is YAML.

    Args:
        text: What was given.
        option: The option that it was given with.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise click.BadParameter(f"must be NAME=VALUE. Received: {text!r}", param_hint=option)
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise click.BadParameter(
            f"VALUE must be YAML. Received: {value!r} ({error})", param_hint=option
        ) from error


def _absolute(path: str) -> str:
    """Make the path of a file absolute; a name such as "hubble" or "imagenet" stays as it is."""
    is_name = path in ("hubble", "imagenet", "none") or not os.path.exists(path)
    return path if is_name else os.path.abspath(path)
