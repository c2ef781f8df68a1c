"""One scoring: which deblenders, on which blends, into which folder."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.source import open_source
from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.scoring.blends import BlendSet, MadeBlends
from kdeblend.scoring.score import score
from kdeblend.scoring.summary import summarise, write_summary

IDENTITY = "identity"


def make_test_blends(
    data: Sequence[str] = ("hubble",),
    blends: int = 3200,
    seed: int = 0,
    perturb: str = "second",
    blend_mode: str = "max",
) -> MadeBlends:
    """Make test blends from the withheld galaxies of `data`.

    Args:
        data: Paths of galaxies, or `"hubble"`.
        blends: Number of blends.
        seed: Seed of everything random.
        perturb: `"second"` galaxies perturbed, or `"both"`.
        blend_mode: Name of a registered blend mode.

    Raises:
        OSError: If a path does not exist.
        ValueError: If nothing usable is there, or an argument is wrong.
    """
    geometry = BlendGeometry(perturb=perturb)
    made = MadeBlends(open_source(data, geometry.stamp_size), blends, seed, geometry, blend_mode)
    made.description = {"data": list(data), **made.description}
    return made


def load_deblenders(
    names: Iterable[str], blend_mode: str | None = None, consistent: bool = True
) -> list[Deblender]:
    """Load what is to be scored; returning the blend itself always comes first.

    Args:
        names: Names and paths as `Deblender.from_preset` takes them. What would
            have the same name twice is called by its whole path instead.
        blend_mode: For networks: how the blends were made, if it is known.
        consistent: For networks: whether to make the layers consistent with the blend.

    Raises:
        ValueError: If there is no such deblender.
    """
    deblenders: list[Deblender] = []
    for name in dict.fromkeys([IDENTITY, *names]):
        deblender = Deblender.from_preset(name, blend_mode=blend_mode, consistent=consistent)
        if deblender.name in [other.name for other in deblenders]:
            deblender.name = name
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


def score_to_folder(
    deblenders: Sequence[Deblender],
    blends: BlendSet,
    out: str | os.PathLike,
    progress: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Score deblenders and write `scores.csv` and `summary.json`.

    Args:
        deblenders: What to score.
        blends: The test blends.
        out: Folder to write to, made if it is not there.
        progress: Called with the number of blends after each chunk.

    Returns:
        The summary; see `kdeblend.scoring.summary.summarise`.

    Raises:
        OSError: If the folder cannot be written to.
        ValueError: If a deblender cannot take the blends.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    scores = score(deblenders, blends, progress=progress)
    summary = summarise(scores, blends.description)
    scores.write_csv(folder / "scores.csv")
    write_summary(folder / "summary.json", summary)
    return summary
