"""Trained weights that ship with kdeblend, listed in `index.json`."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def list_presets() -> dict[str, dict[str, Any]]:
    """Return what is known about each preset: name to `{"file", "sha256", ...}`."""
    return _index()["presets"]


def preset_path(name: str) -> Path:
    """Return the `.keras` file of a preset, after checking that it is the one published.

    Args:
        name: Name of a preset.

    Raises:
        ValueError: If there is no such preset, or its file is missing or damaged.
    """
    presets = list_presets()
    if name not in presets:
        raise ValueError(f"preset must be one of {sorted(presets)}. Received: {name!r}")
    path = FOLDER / presets[name]["file"]
    if not path.is_file():
        raise ValueError(f"the weights of preset {name!r} must be installed. Received: no {path}")
    found, expected = hashlib.sha256(path.read_bytes()).hexdigest(), presets[name]["sha256"]
    if found != expected:
        raise ValueError(
            f"the weights of preset {name!r} must have SHA-256 {expected}; install kdeblend "
            f"again. Received: {found} ({path})"
        )
    return path


@cache
def _index() -> dict[str, Any]:
    return json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


DEFAULT_PRESET: str | None = _index()["default"]
