"""From what a user writes, a name or a path, to a deblender."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kdeblend.deblenders import DEBLENDERS
from kdeblend.deblenders.deblender import Deblender
from kdeblend.models.files import FACTS, load_generator, read_facts
from kdeblend.presets import find_preset, list_presets, preset_path
from kdeblend.training.config import read_config
from kdeblend.training.folder import RunFolder

NO_CHANGE = {"scale": 1, "mixed_precision": False}
"""Options as they are if nobody gives them, where that is not None."""


def load_deblender(name_or_path: str, *, batch_size: int, **options: Any) -> Deblender:
    """Return the deblender of a name or a path; see `Deblender.from_preset`.

    Args:
        name_or_path: A registered deblender, a preset, a run folder or a `.keras` file,
            looked for in this order.
        batch_size: How many blends of 80 x 80 pixels to do at once.
        **options: Further arguments of `NetworkDeblender`, for networks; None is as if it were
            not given.

    Raises:
        ValueError: If there is no such deblender, or an option is wrong.
        OSError: If the network's file cannot be read.
        ImportError: If it needs a package that is not installed.
    """
    if name_or_path in DEBLENDERS:
        for option, value in options.items():
            if value not in (None, NO_CHANGE.get(option)):
                raise ValueError(
                    f"`{option}` is for networks. Received: {name_or_path!r}, {option}={value}"
                )
        deblender = DEBLENDERS[name_or_path]()
        deblender.batch_size = batch_size
        return deblender
    from kdeblend.deblenders.network import NetworkDeblender

    weights = find_weights(name_or_path)
    known: dict[str, Any] = {
        "trained_for": weights.facts.get("blend_mode"),
        "stamp_size": weights.facts.get("stamp_size"),
        "orientations": weights.orientations,
    }
    given = {option: value for option, value in options.items() if value is not None}
    return NetworkDeblender(
        load_generator(weights.path),
        name=weights.name,
        batch_size=batch_size,
        **known | given,
    )


class Weights(NamedTuple):
    """A trained network.

    Attributes:
        path: Its `.keras` file.
        name: What to call it: the preset's full name, or that of the path.
        facts: Hyper-parameters of its training by name, as far as they are known; see
            `kdeblend.models.files.FACTS`.
        orientations: Over how many flips and turns its answers are to be averaged.
    """

    path: Path
    name: str
    facts: Mapping[str, Any]
    orientations: int = 1


def find_weights(name_or_path: str) -> Weights:
    """Return what a preset, a run folder or a file name stands for.

    Args:
        name_or_path: One of these.

    Raises:
        ValueError: If there is no such thing; the message lists what there is.
    """
    path = Path(name_or_path)
    preset = find_preset(name_or_path)
    if preset not in (None, name_or_path) and path.exists():
        raise ValueError(
            f"{name_or_path!r} is a preset and a path here: write {preset} for the preset, "
            f"./{name_or_path} for the path. Received: {name_or_path!r}"
        )
    if preset is not None:
        return _of_preset(preset)
    name = path.name or name_or_path
    if path.is_dir():
        run = RunFolder(path)
        if run.generator.is_file():
            return Weights(run.generator, name, _facts(run.generator))
        raise ValueError(
            f"a run folder must hold {run.generator.name}. Received: {path}, which does not"
        )
    if path.is_file() and path.suffix == ".keras":
        return Weights(path, name, _facts(path))
    raise ValueError(
        f"a network must be a preset of {sorted(list_presets())}, a run folder or a .keras file. "
        f"Received: {name_or_path!r}; deblenders that are no networks: {sorted(DEBLENDERS)}"
    )


def _of_preset(preset: str) -> Weights:
    entry = list_presets()[preset]
    options = dict(entry["generator"])
    facts = {"generator": options.pop("family"), "generator_options": options}
    facts |= {name: entry[name] for name in ("stamp_size", "blend_mode")}
    return Weights(preset_path(preset), preset, facts, entry["orientations"])


def _facts(path: Path) -> dict[str, Any]:
    """Return what a file says of its network, or for an older one that of a run, its run."""
    facts, run = read_facts(path), RunFolder(path.parent)
    if not facts and run.exists() and path.resolve() == run.generator.resolve():
        config = read_config(run.config)
        facts = {name: config[name] for name in FACTS if name in config}
    return facts
