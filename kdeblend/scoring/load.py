"""Which deblenders are scored, and for what blends they were trained."""

import os
from collections.abc import Iterable
from typing import Any

from kdeblend.deblenders import DEBLENDERS
from kdeblend.deblenders.deblender import Deblender
from kdeblend.presets import find_preset

IDENTITY = "identity"


def load_deblenders(names: Iterable[str], **options: Any) -> list[Deblender]:
    """Load what is to be scored; returning the blend itself always comes first.

    Args:
        names: Names and paths as `Deblender.from_preset` takes them. What would
            have the same name twice is called as it is given, or by its whole path.
        **options: Further arguments of `Deblender.from_preset`, the same for all networks.

    Raises:
        ValueError: If there is no such deblender.
    """
    deblenders: list[Deblender] = []
    once: dict[str, str] = {}  # a preset may be named with and without its version
    for name in [IDENTITY, *names]:
        once.setdefault(find_preset(name) or name, name)
    for name in once.values():
        deblender = Deblender.from_preset(name, **({} if name in DEBLENDERS else options))
        taken = [other.name for other in deblenders]
        if deblender.name in taken:
            deblender.name = os.path.abspath(name) if name in taken else name
        deblenders.append(deblender)
    return deblenders


def trained_blend_mode(deblenders: Iterable[Deblender]) -> str:
    """Return the blend mode that networks were trained for, `"max"` if there are none.

    Args:
        deblenders: What is to be scored.

    Raises:
        ValueError: If networks were trained for different modes.
    """
    modes = {each.blend_mode for each in deblenders if each.blend_mode is not None}
    if len(modes) > 1:
        raise ValueError(
            "Networks for different blend modes need one to be chosen (--blend-mode). "
            f"Received: {sorted(modes)}"
        )
    return modes.pop() if modes else "max"
