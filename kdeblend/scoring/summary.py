"""From single scores to means with their intervals, differences and break-downs."""

import math
from collections.abc import Collection
from itertools import combinations
from typing import Any

import numpy as np

from kdeblend.scoring.bootstrap import intervals
from kdeblend.scoring.scores import LAYERS, Scores

STATISTICS = ("mean", "median", "max", "min", "variance")
BINS = 4

Figures = dict[str, float | int | None]


def statistics(values: np.ndarray, galaxies: np.ndarray | None = None) -> list[Figures]:
    """Return mean, median, max, min, variance and more of each column of scores.

    Scores that are not finite are left out, such as the infinite PSNR of an
    exact answer: `n` is how many were not. The variance and the standard deviation
    `std`, the scatter, are those of the scores themselves (divided by `n`). `low` and
    `high` are the 95 % interval of the mean, see `kdeblend.scoring.bootstrap.intervals`.

    Args:
        values: Array `(columns, blends, k)`.
        galaxies: Numbers of the two galaxies of each blend `(blends, 2)`, if they are known.

    Returns:
        The statistics of each column by name; None where there is no finite score, or no interval.
    """
    low, high = (_finite_or_none(ends) for ends in intervals(values, galaxies))
    return [
        _figures(column[np.isfinite(column)], *ends)
        for column, *ends in zip(values, low, high, strict=True)
    ]


def statistics_in_bins(
    columns: Collection[np.ndarray],
    bins: np.ndarray,
    count: int,
    galaxies: np.ndarray | None = None,
) -> list[list[Figures]]:
    """Return the statistics of each column of scores in each bin of the galaxies.

    Args:
        columns: Arrays `(blends, 2)`.
        bins: Number of each galaxy's bin, int array `(blends, 2)`; -1 without one.
        count: Number of bins.
        galaxies: As for `statistics`.
    """
    inside = [bins == number for number in range(count)]
    cut = [np.where(where, values, math.nan) for values in columns for where in inside]
    figures = iter(statistics(np.stack(cut), galaxies) if cut else [])
    return [[next(figures) for _ in inside] for _ in columns]


def summarise(scores: Scores, description: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics of all scores.

    Args:
        scores: Single scores.
        description: What the blends are, kept under `"blends"`.

    Returns:
        A dictionary that JSON can hold:

        - `"deblenders"`: `{NAME: {METRIC: statistics}}`, over both galaxies of each blend;
        - `"layers"`: `{LAYER: {NAME: {METRIC: statistics}}}`;
        - `"differences"`: `{METRIC: [{"first", "second", "mean", "low", "high", "n"}]}`, the
          score of the first minus that of the second where both have one;
        - `"breakdown"`: `{PROPERTY: {"edges", "deblenders": {NAME: {METRIC: [statistics of
          each bin]}}}}`, bins of equally many galaxies;
        - `"failures"`: `{NAME: {"count", "messages": {MESSAGE: count}}}`;
        - `"milliseconds"`: `{NAME: {"mean", "median"}}` a blend;
        - `"blends"`: the description.
    """
    return {
        "deblenders": _by_metric(scores, slice(None)),
        "layers": {
            name: _by_metric(scores, slice(number, number + 1))
            for number, name in enumerate(LAYERS)
        },
        "differences": _differences(scores),
        "breakdown": {name: _breakdown(scores, name) for name in scores.properties},
        "failures": {name: _failures(scores.failures.get(name, {})) for name in scores.values},
        "milliseconds": {
            name: _times(scores.milliseconds.get(name, np.empty(0))) for name in scores.values
        },
        "blends": description,
    }


def metrics_of(summary: dict[str, Any]) -> list[str]:
    """Return the names of the metrics in a summary."""
    return list(next(iter(summary["deblenders"].values()), {}))


def all_galaxies(summary: dict[str, Any]) -> int:
    """Return how many galaxies were scored, 0 if the summary does not say it.

    Where the `n` of a mean is less, scores were undefined, infinite or failed.
    """
    return 2 * summary["blends"].get("blends", 0)


def _finite_or_none(ends: np.ndarray) -> list[float | None]:
    return [end if math.isfinite(end) else None for end in ends.tolist()]


def _figures(finite: np.ndarray, low: float | None, high: float | None) -> Figures:
    if not len(finite):
        return {**dict.fromkeys((*STATISTICS, "std", "low", "high")), "n": 0}
    figures = (finite.mean(), np.median(finite), finite.max(), finite.min(), finite.var())
    return {
        **{name: float(figure) for name, figure in zip(STATISTICS, figures, strict=True)},
        "std": float(finite.std()),
        "low": low,
        "high": high,
        "n": len(finite),
    }


def _by_metric(scores: Scores, layers: slice) -> dict[str, dict[str, Figures]]:
    return {
        name: dict(
            zip(
                by_metric,
                statistics(_stack(by_metric.values())[..., layers], scores.galaxies),
                strict=True,
            )
        )
        for name, by_metric in scores.values.items()
    }


def _stack(columns) -> np.ndarray:
    """Return columns of scores as one array, NaN for what is infinite."""
    stacked = np.stack(list(columns))
    return np.where(np.isfinite(stacked), stacked, math.nan)


def _differences(scores: Scores) -> dict[str, list[dict[str, Any]]]:
    table: dict[str, list[dict[str, Any]]] = {metric: [] for metric in scores.metrics}
    for first, second in combinations(scores.values, 2):
        pair = (_stack(scores.values[name].values()) for name in (first, second))
        found = statistics(next(pair) - next(pair), scores.galaxies)
        for metric, figures in zip(table, found, strict=True):
            kept = {name: figures[name] for name in ("mean", "low", "high", "n")}
            table[metric].append({"first": first, "second": second, **kept})
    return table


def _breakdown(scores: Scores, name: str) -> dict[str, Any]:
    """Break the scores down by a property of the galaxies."""
    edges, bins = _bins(scores.properties[name])
    count = max(len(edges) - 1, 0)
    found = {}
    for deblender, by_metric in scores.values.items():
        figures = statistics_in_bins(by_metric.values(), bins, count, scores.galaxies)
        found[deblender] = dict(zip(by_metric, figures, strict=True))
    return {"edges": edges, "deblenders": found}


def _bins(values: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Return edges between quantiles, and the number of each value's bin; -1 without one.

    Where many values are equal, there are fewer bins.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [], np.full(values.shape, -1)
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, BINS + 1)))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return edges.tolist(), np.where(np.isfinite(values), bins, -1)


def _failures(messages: dict[int, str]) -> dict[str, Any]:
    kinds = list(messages.values())
    return {
        "count": len(kinds),
        "messages": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    }


def _times(milliseconds: np.ndarray) -> dict[str, float | None]:
    finite = milliseconds[np.isfinite(milliseconds)]
    if not len(finite):
        return {"mean": None, "median": None}
    return {"mean": float(finite.mean()), "median": float(np.median(finite))}
