"""Tuning deblenders before they are scored."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kdeblend.deblenders.deblender import Deblender
from kdeblend.scoring.blends import BlendSet, Chunk

TUNING_BLENDS = 48


def can_be_tuned(deblender: Deblender) -> bool:
    """Tell whether a deblender has a `fit` of its own."""
    return type(deblender).fit is not Deblender.fit


def fit_deblenders(
    deblenders: Iterable[Deblender],
    tuning: Callable[[], BlendSet],
    bands: int,
    known: Mapping[str, dict[str, Any]],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tune each deblender that can be tuned, as soon as its result is asked for.

    Args:
        deblenders: What is to be scored.
        tuning: Makes the blends to tune on; called only if they are needed.
        bands: Number of bands of the scored blends.
        known: What was chosen before, by name; it is taken up again.

    Yields:
        Name and choice of each deblender, `{"error": MESSAGE}` where there is none; the
        deblender is then as it was before.
    """
    made: Chunk | ValueError | None = None
    for deblender in filter(can_be_tuned, deblenders):
        choice = known.get(deblender.name)
        if choice is None:
            made = made or _make(tuning)
            choice = _fit(deblender, made, bands)
        elif "error" not in choice:
            deblender.restore(choice)
        yield deblender.name, choice


def _make(tuning: Callable[[], BlendSet]) -> Chunk | ValueError:
    """Return the blends to tune on, or why there are none."""
    try:
        blends = tuning()
        return blends.take(range(len(blends)))
    except ValueError as error:
        return error


def _fit(deblender: Deblender, chunk: Chunk | ValueError, bands: int) -> dict[str, Any]:
    if isinstance(chunk, ValueError):
        return {"error": f"not tuned: {chunk}"}
    if chunk.blend.shape[-1] != bands:
        return {
            "error": f"not tuned: the blends to tune on have {chunk.blend.shape[-1]} bands, "
            f"the scored ones {bands}; --data names galaxies of as many"
        }
    before = dict(vars(deblender))
    try:
        choice = deblender.fit(chunk.blend, chunk.truth) or {}
        json.dumps(choice, allow_nan=False)  # it is kept as JSON
        return choice
    except Exception as error:  # a deblender may raise anything
        vars(deblender).clear()
        vars(deblender).update(before)
        return {"error": " ".join(f"not tuned: {type(error).__name__}: {error}".split())}
