"""Kinds of failure of a deblender, after the paper's figure 6, each by a measured rule."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kdeblend.metrics.galaxy import Galaxy, background_level, find_galaxy, objects_above

FEW_PIXELS = 10
COLOUR_WINDOW = 5
FAINT_SOURCE = 0.02


@dataclass(frozen=True)
class Answered:
    """One galaxy of a blend and what a deblender found.

    Args:
        truth: Array `(height, width, bands)` in [0, 1].
        other_truth: The other true galaxy, of the same shape and units.
        found: The layer found for this galaxy.
        other_found: The layer found for the other one.
        valid: Boolean array `(height, width)`, True where a pixel counts.
    """

    truth: np.ndarray
    other_truth: np.ndarray
    found: np.ndarray
    other_found: np.ndarray
    valid: np.ndarray

    @property
    def galaxies(self) -> tuple[Galaxy | None, Galaxy | None]:
        """Where this galaxy and the other one are."""
        return find_galaxy(self.truth, self.valid), find_galaxy(self.other_truth, self.valid)


@dataclass(frozen=True)
class Fault:
    """A kind of failure.

    Args:
        title: What it is called.
        rule: When a layer has it, in words.
        limit: From which strength on.
        strength: Measures it; NaN where it is not defined.
    """

    title: str
    rule: str
    limit: float
    strength: Callable[[Answered], float]


def left_over(answered: Answered) -> float:
    """Return which share of the other galaxy's light is left in this layer.

    Over the pixels of the other galaxy that are none of this one: the light too much in
    this layer, over the other galaxy's light above its sky.
    """
    galaxy, other = answered.galaxies
    if galaxy is None or other is None:
        return math.nan
    region = other.footprint & ~galaxy.footprint & answered.valid
    if region.sum() < FEW_PIXELS:
        return math.nan
    excess = np.maximum(answered.found - answered.truth, 0)[region].sum()
    light = np.maximum(answered.other_truth - answered.truth, 0)[region].sum()
    return float(excess / light) if light > 0 else math.nan


def cut_off(answered: Answered) -> float:
    """Return which share of this galaxy's light is missing, over its pixels."""
    galaxy, _ = answered.galaxies
    if galaxy is None:
        return math.nan
    missing = np.maximum(answered.truth - answered.found, 0)[galaxy.footprint].sum()
    light = galaxy.flux.sum()
    return float(missing / light) if light > 0 else math.nan


def wrong_layer(answered: Answered) -> float:
    """Return which share of a background source's light is in the other layer instead.

    Of the sources in this true layer that touch neither galaxy, have ten pixels and two
    hundredths of this galaxy's light at least: the highest share, where a source's share
    is the smaller one of what this layer lacks of it and what the other one has too much.
    """
    galaxy, other = answered.galaxies
    if galaxy is None or other is None:
        return math.nan
    light = answered.truth - background_level(answered.truth, galaxy.background)
    labels, count = objects_above(light.mean(axis=-1), galaxy.threshold, answered.valid)
    shares = [math.nan]
    for number in range(1, count + 1):
        source = labels == number
        total = light[source].sum()
        if (
            source.sum() < FEW_PIXELS
            or (source & (galaxy.footprint | other.footprint)).any()
            or total < FAINT_SOURCE * galaxy.flux.sum()
        ):
            continue
        lacking = (answered.truth - answered.found)[source].sum()
        too_much = (answered.other_found - answered.other_truth)[source].sum()
        shares.append(float(min(lacking, too_much) / total))
    return float(np.nanmax(shares)) if len(shares) > 1 else math.nan


def odd_colours(answered: Answered) -> float:
    """Return the largest error of colour, where it is larger than that of brightness.

    Both are means over squares of five pixels: of colour, the standard deviation over the
    bands of the error; of brightness, its mean over them.
    """
    from scipy.ndimage import uniform_filter

    if answered.truth.shape[-1] < 2:
        return math.nan
    error = np.where(answered.valid[..., None], answered.found - answered.truth, 0)
    smooth = uniform_filter(error.astype(np.float64), (COLOUR_WINDOW, COLOUR_WINDOW, 1))
    colour, brightness = smooth.std(axis=-1), np.abs(smooth.mean(axis=-1))
    return float(np.where(colour > brightness, colour, 0).max())


FAULTS = (
    Fault(
        "Left-over of the other galaxy",
        "Over the pixels of the other galaxy that are none of this one, light too much in this "
        "layer of more than 30 % of the other galaxy’s light.",
        0.3,
        left_over,
    ),
    Fault(
        "Cut-off galaxy",
        "Over the pixels of the galaxy, more than 30 % of its light is missing.",
        0.3,
        cut_off,
    ),
    Fault(
        "Background source given to the wrong layer",
        "A source that touches neither galaxy, with ten pixels and 2 % of the galaxy’s light at "
        "least: more than half of its light is missing in its layer and is in the other one.",
        0.5,
        wrong_layer,
    ),
    Fault(
        "Odd colours",
        "Somewhere, over 5 × 5 pixels, the error differs from band to band by a standard "
        "deviation of more than 0.05, and by more than the error of the brightness.",
        0.05,
        odd_colours,
    ),
)
