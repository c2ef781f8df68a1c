"""Options that several commands share, and how their values are read."""

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

bfloat16_option = click.option(
    "--mixed-precision",
    is_flag=True,
    help="Have networks compute in bfloat16: quicker on GPUs and on CPUs that have instructions "
    "for it, slower on other CPUs.",
)

scale_option = click.option(
    "--scale",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=1,
    show_default=True,
    metavar="FACTOR",
    help="Show networks the images smaller by this: 0.5 if galaxies are twice as large, in "
    "pixels, as those of the training (presets: some 20 in radius).",
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
    """Return the options that were given.

    Args:
        options: What click has parsed, by name.
    """
    return {name: value for name, value in options.items() if value not in (None, ())}


def assignment(text: str, option: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`, where the value is YAML.

    Args:
        text: What was given.
        option: The option that it was given with.
    """
    name, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise click.BadParameter(f"must be NAME=VALUE. Received: {text!r}", param_hint=option)
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise click.BadParameter(
            f"VALUE must be YAML. Received: {value!r} ({error})", param_hint=option
        ) from error
