"""What a training run is made of: every hyper-parameter, in one flat dataclass."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from kdeblend.io.atomic import write_text
from kdeblend.training.checks import as_declared, check_ranges
from kdeblend.training.paths import absolute
from kdeblend.training.recipes import PRESETS

AT_THE_BEGINNING = ("preset", "initial_weights")


@dataclass(frozen=True)
class TrainingConfig:
    """All hyper-parameters of a training run; the defaults are the paper's.

    Paths of files that are there become absolute, so that a run can be resumed from anywhere.

    Args:
        preset: Name of the preset that the values started from.
        data: What the galaxies come from; each a path or the name `"hubble"`.
        stamp_size: Side of the blends in pixels.
        blend_mode: Name of a registered blend mode.
        perturb: Which galaxies are flipped, rotated and scaled: `"second"` (the paper), `"both"`,
            or `"either"`, which is `"both"` in half of the blends and `"second"` in the others.
        augment: Flip and turn whole blends at random.
        sky_light: Most light that the pictures of half of the blends get added, as under a
            brighter sky, so that the network learns to bear other skies; 1 is the brightest that a
            pixel can be.
        degrade: Share of the blends, those of validation included, whose pictures are made softer,
            compressed or of one band by chance, so that the network learns to bear such pictures;
            one in eight of them stays as it is.
        lupton_share: Share of the blends, those of validation included, in which light adds up
            before the stretch, as on the sky (blend mode `"lupton"`), whatever `blend_mode` is.
        cache_gb: Memory for decoded images, in GB.
        workers: Threads that make blends.
        multiprocessing: Make them in processes instead, for a GPU that threads cannot keep busy;
            it counts where there are several workers.
        generator: Name of a registered generator family.
        generator_options: Arguments of its builder, except bands and blend mode.
        initial_weights: `.keras` file of a generator of the same shape to start from; empty
            starts from random weights.
        discriminator_blocks: Depth of the discriminator; 0 trains without one.
        discriminator_filters: Channels of its first convolution.
        vgg_weights: `"imagenet"`, `"none"` (random) or the path of a weights file.
        vgg_layer: Layer whose output the perceptual loss compares.
        vgg_image_size: Side to which it resizes images; 0 keeps their size.
        pixel_loss: Name of a registered pixel loss, such as `"mse"` or `"log_mse"`.
        adversarial_weight: Weight of the adversarial loss.
        perceptual_weight: Weight of the perceptual loss after burn-in.
        steps: Updates of the generator.
        batch_size: Blends a step.
        burn_in: Steps on the perceptual loss alone.
        optimizer: Name of a registered optimizer, such as `"adam"` (the paper's) or `"muon"`, for
            both networks; Muon needs far fewer steps to the same PSNR, with the same learning rate.
        learning_rate: Learning rate of both optimizers.
        learning_rate_schedule: `"drop"` (the paper's) or `"cosine"`, down to zero at the last step.
        learning_rate_drop_step: Step at which `"drop"` multiplies it; 0 never does.
        learning_rate_drop_factor: By this factor.
        average_momentum: Momentum of the moving average of the generator's weights.
        validation_blends: Number of fixed blends of withheld galaxies.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        log_every: Steps between rows of the log.
        steps_per_execution: Steps between callbacks; more keeps a fast GPU busy.
        mixed_precision: Compute in bfloat16.
        xla: Compile with XLA (JAX always does).
        deterministic: Same weights from the same seed on the same machine; may be slower.
        devices: Devices to share each batch; empty takes the default one.
        seed: Seed of weights and blends.
    """

    preset: str = "paper"
    data: tuple[str, ...] = ("hubble",)
    stamp_size: int = 80
    blend_mode: str = "max"
    perturb: str = "second"
    augment: bool = True
    sky_light: float = 0.0
    degrade: float = 0.0
    lupton_share: float = 0.0
    cache_gb: float = 4.0
    workers: int = 2
    multiprocessing: bool = False
    generator: str = "resnet"
    generator_options: dict[str, Any] = field(
        default_factory=lambda: {"root_blocks": 10, "branch_blocks": 6, "filters": 64}
    )
    initial_weights: str = ""
    discriminator_blocks: int = 7
    discriminator_filters: int = 64
    vgg_weights: str = "imagenet"
    vgg_layer: str = "block5_conv4"
    vgg_image_size: int = 224
    pixel_loss: str = "mse"
    adversarial_weight: float = 1e-3
    perceptual_weight: float = 0.0
    steps: int = 200_000
    batch_size: int = 16
    burn_in: int = 2_000
    optimizer: str = "adam"
    learning_rate: float = 1e-4
    learning_rate_schedule: str = "drop"
    learning_rate_drop_step: int = 100_000
    learning_rate_drop_factor: float = 0.1
    average_momentum: float = 0.999
    validation_blends: int = 256
    validate_every: int = 2_000
    checkpoint_every: int = 1_000
    log_every: int = 50
    steps_per_execution: int = 1
    mixed_precision: bool = False
    xla: bool = False
    deterministic: bool = False
    devices: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self):
        for name, hint in get_type_hints(type(self)).items():
            object.__setattr__(self, name, as_declared(name, hint, getattr(self, name)))
        object.__setattr__(self, "data", tuple(map(absolute, self.data)))
        for name in ("vgg_weights", "initial_weights"):
            object.__setattr__(self, name, absolute(getattr(self, name)))
        check_ranges(self)

    def replace(self, **changes: Any) -> "TrainingConfig":
        """Return a copy with some values changed.

        Args:
            **changes: New values by name.

        Raises:
            ValueError: If a name is unknown or a value is impossible.
        """
        _check_names(changes)
        return dataclasses.replace(self, **changes)

    def check_resumed(self, before: "TrainingConfig") -> None:
        """Check that a run can go on with these hyper-parameters.

        What makes other networks is found when their weights are loaded.

        Args:
            before: The hyper-parameters of the run until now.

        Raises:
            ValueError: If what only counts at the beginning of a run has changed.
        """
        for name in AT_THE_BEGINNING:
            ours, theirs = getattr(self, name), getattr(before, name)
            if os.path.basename(ours) != os.path.basename(theirs):  # a folder may have moved
                raise ValueError(
                    f"A run must be resumed with the `{name}` that it was begun with, {theirs!r}. "
                    f"Received: {name}={ours!r}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return every value by name, in plain lists, numbers and strings."""
        values = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def save(self, path: str | Path) -> None:
        """Write every value to a YAML file.

        Args:
            path: The file; an existing one is replaced.
        """
        write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False))


def preset_config(name: str) -> TrainingConfig:
    """Return the configuration of a preset.

    Args:
        name: `"paper"`, `"fast"` or `"quick"`.

    Raises:
        ValueError: If there is no such preset.
    """
    if name not in list(PRESETS):  # a list, for what is no text and cannot be looked up
        raise ValueError(f"`preset` must be one of {sorted(PRESETS)}. Received: preset={name!r}")
    return TrainingConfig(preset=name, **PRESETS[name])


def read_config(path: str | Path) -> dict[str, Any]:
    """Read hyper-parameters from a YAML or JSON file.

    Args:
        path: The file: a mapping from names of `TrainingConfig` to values.

    Returns:
        The values in the file by name.

    Raises:
        ValueError: If the file is no such mapping or has unknown names.
        OSError: If the file can not be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        values = json.loads(text) if str(path).endswith(".json") else yaml.safe_load(text)
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} must be YAML or JSON. Received: {error}") from error
    if not isinstance(values, Mapping):
        raise ValueError(
            f"{path} must hold names and values of hyper-parameters. Received: {values!r}"
        )
    _check_names(values)
    return dict(values)


def _check_names(values: Mapping[str, Any]) -> None:
    known = [each.name for each in dataclasses.fields(TrainingConfig)]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(f"Hyper-parameters must be among {known}. Received: {unknown}")
