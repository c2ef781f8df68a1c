"""From single scores to the figures of the paper's Table 1."""

import json
import os
from typing import Any

import numpy as np

from kdeblend.io.atomic import atomic_path
from kdeblend.scoring.scores import LAYERS, Scores

STATISTICS = ("mean", "median", "max", "min", "variance")


def statistics(values: np.ndarray) -> dict[str, float | int | None]:
    """Return mean, median, max, min, variance and number of scores.

    Scores that are not finite are left out, such as the infinite PSNR of an
    exact answer: `n` is how many were not. The variance is that of the scores
    themselves (divided by `n`).

    Args:
        values: Array of any shape.

    Returns:
        The statistics by name; None where there is no finite score.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return {**dict.fromkeys(STATISTICS), "n": 0}
    figures = (finite.mean(), np.median(finite), finite.max(), finite.min(), finite.var())
    return {
        **{name: float(figure) for name, figure in zip(STATISTICS, figures, strict=True)},
        "n": len(finite),
    }


def summarise(scores: Scores, description: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics of all scores.

    Args:
        scores: Single scores.
        description: What the blends are, kept under `"blends"`.

    Returns:
        `{"deblenders": {NAME: {METRIC: statistics}}, "layers": {LAYER: {NAME:
        {METRIC: statistics}}}, "blends": description}`; the first is over both
        galaxies of each blend.
    """
    layers = {
        layer: {
            name: {metric: statistics(values[:, column]) for metric, values in by_metric.items()}
            for name, by_metric in scores.values.items()
        }
        for column, layer in enumerate(LAYERS)
    }
    together = {
        name: {metric: statistics(values) for metric, values in by_metric.items()}
        for name, by_metric in scores.values.items()
    }
    return {"deblenders": together, "layers": layers, "blends": description}


def write_summary(path: str | os.PathLike, summary: dict[str, Any]) -> None:
    """Write a summary as JSON."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
