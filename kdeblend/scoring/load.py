"""Which deblenders are scored, and for what blends they were trained."""

import os
from collections.abc import Iterable

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.network import NetworkDeblender

IDENTITY = "identity"


def load_deblenders(
    names: Iterable[str],
    blend_mode: str | None = None,
    consistent: bool | None = None,
    orientations: int | None = None,
    mixed_precision: bool = False,
) -> list[Deblender]:
    """Load what is to be scored; returning the blend itself always comes first.

    Args:
        names: Names and paths as `Deblender.from_preset` takes them. What would
            have the same name twice is called as it is given, or by its whole path.
        blend_mode: For networks: how the blends were made, if it is known.
        consistent: For networks: whether to make the layers consistent with the blend, by default
            unless the head has that built in.
        orientations: For networks: flips and turns to average over, by default the preset's.
        mixed_precision: For networks: whether to compute in bfloat16.

    Raises:
        ValueError: If there is no such deblender.
    """
    deblenders: list[Deblender] = []
    for name in dict.fromkeys([IDENTITY, *names]):
        deblender = Deblender.from_preset(
            name,
            blend_mode=blend_mode,
            consistent=consistent,
            orientations=orientations,
            mixed_precision=mixed_precision,
        )
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
    modes = {each.blend_mode for each in deblenders if isinstance(each, NetworkDeblender)}
    if len(modes) > 1:
        raise ValueError(
            "Networks for different blend modes need one to be chosen (--blend-mode). "
            f"Received: {sorted(modes)}"
        )
    return modes.pop() if modes else "max"
