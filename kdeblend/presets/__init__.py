"""Trained weights that ship with kdeblend, listed in `index.json`.

A preset is a `.keras` file, its entry in the index, and a card in Markdown that says what it was
trained on and how good it is. Its name ends in its version, `fast-1`, and is never given to other
weights; the name without the version, `fast`, stands for the newest one.
"""

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
VERSIONED = re.compile(r"(?P<family>.+)-(?P<version>[1-9][0-9]*)")


def list_presets() -> dict[str, dict[str, Any]]:
    """Return what is known about each preset.

    Returns:
        By name, `{"file", "card", "sha256", "description", "generator", "parameters",
        "keras_version", "blend_mode", "stamp_size", "orientations", "psnr"}`; `orientations` is
        the number of flips and turns over which its answers are averaged, `psnr` the mean in dB
        on withheld galaxies both of which were turned and scaled, as in its card, or None.
    """
    return _index()["presets"]


def find_preset(name: str) -> str | None:
    """Return the full name of a preset, or None if there is none of that name.

    Args:
        name: A name with its version, `"fast-1"`, or without, for the newest version.
    """
    presets = list_presets()
    if name in presets:
        return name
    matches = [match for match in map(VERSIONED.fullmatch, presets) if match]
    newest = max(
        (match for match in matches if match["family"] == name),
        key=lambda match: int(match["version"]),
        default=None,
    )
    return newest and newest[0]


def preset_path(name: str) -> Path:
    """Return the `.keras` file of a preset, after checking that it is the one published.

    Args:
        name: Name of a preset, with or without its version.

    Raises:
        ValueError: If there is no such preset, or its file is missing or damaged.
    """
    entry = _entry(name)
    path = FOLDER / entry["file"]
    if not path.is_file():
        raise ValueError(f"the weights of preset {name!r} must be installed. Received: no {path}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"the weights of preset {name!r} must have SHA-256 {entry['sha256']}; install kdeblend "
            f"again. Received: {found} ({path})"
        )
    return path


def preset_card(name: str) -> Path:
    """Return the card of a preset, a file in Markdown.

    Args:
        name: Name of a preset, with or without its version.

    Raises:
        ValueError: If there is no such preset.
    """
    return FOLDER / _entry(name)["card"]


def _entry(name: str) -> dict[str, Any]:
    found = find_preset(name)
    if found is None:
        raise ValueError(f"preset must be one of {sorted(list_presets())}. Received: {name!r}")
    return list_presets()[found]


@cache
def _index() -> dict[str, Any]:
    return json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


DEFAULT_PRESET: str = _index()["default"]
"""Name of the preset that is used where none is named."""
