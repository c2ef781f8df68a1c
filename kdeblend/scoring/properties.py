"""What the two true galaxies of a blend are like, to break scores down by."""

import math

import numpy as np

from kdeblend.metrics.galaxy import Galaxy, find_galaxy, hidden_pixels
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.scores import PROPERTIES


def blend_properties(chunk: Chunk) -> dict[str, np.ndarray]:
    """Measure the true galaxies of some blends, each found by `find_galaxy`.

    - `separation`: distance between the centres of light of the two, in pixels;
    - `size_ratio`: the size of this galaxy, from second moments, over that of the other;
    - `flux_ratio`: the flux of this galaxy, summed over bands, over that of the other;
    - `hidden`: which share of this galaxy's pixels the other one hides.

    Args:
        chunk: The blends.

    Returns:
        By name, arrays `(n, 2)`: for the central galaxy and for the other one. NaN where
        a layer is dark.
    """
    rows = [_measure(*each) for each in zip(chunk.truth, chunk.valid, strict=True)]
    table = np.array(rows).reshape(len(rows), len(PROPERTIES), 2)
    return {name: table[:, column] for column, name in enumerate(PROPERTIES)}


def _measure(truth: np.ndarray, valid: np.ndarray) -> list[list[float]]:
    first, second = (find_galaxy(layer, valid) for layer in truth)
    hidden = [_hidden(truth[n], truth[1 - n], valid) for n in range(2)]
    if first is None or second is None:
        return [[math.nan] * 2, [math.nan] * 2, [math.nan] * 2, hidden]
    separation = float(np.hypot(*(first.centre - second.centre)))
    size = first.size / second.size
    flux = _flux(first) / _flux(second)
    return [[separation] * 2, [size, 1 / size], [flux, 1 / flux], hidden]


def _flux(galaxy: Galaxy) -> float:
    flux = float(galaxy.flux.sum())
    return flux if flux > 0 else math.nan


def _hidden(truth: np.ndarray, other: np.ndarray, valid: np.ndarray) -> float:
    galaxy = find_galaxy(truth, valid)
    if galaxy is None:
        return math.nan
    return float(hidden_pixels(truth, other, valid)[galaxy.footprint].mean())
