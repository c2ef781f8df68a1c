"""Pictures of a search: what PSNR costs, and which values led to it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kdeblend.io.atomic import atomic_path
from kdeblend.tuning.record import COMPLETED, TrialRecord
from kdeblend.tuning.space import label

COSTS = {"ms": "milliseconds a stamp", "parameters": "parameters of the generator"}
COLOURS = colormaps["viridis"]
FRONT = "tab:red"
LOGARITHMIC = 50
"""Values that span a larger factor are drawn by their logarithms."""


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return which trials no other beats in both cost and score, by rising cost.

    Args:
        costs: Cost of each; lower is better.
        scores: Score of each; higher is better.

    Returns:
        Their indices.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i]))
    front: list[int] = []
    for i in order:
        if not front or scores[i] > scores[front[-1]]:
            front.append(i)
    return front


def trained_longest(records: list[TrialRecord]) -> list[TrialRecord]:
    """Return the completed trials of the most steps, which alone compare: hyperband's differ.

    Args:
        records: Trials, at least one of them completed.
    """
    completed = [record for record in records if record.state == COMPLETED]
    most = max(record.steps for record in completed)
    return [record for record in completed if record.steps == most]


def draw_pareto(records: list[TrialRecord], path: Path) -> None:
    """Draw PSNR against milliseconds and against parameters, with the Pareto front.

    Args:
        records: Completed trials that compare, as `trained_longest` gives them.
        path: The picture to write.
    """
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    all_axes = figure.subplots(1, 2, sharey=True)
    scores = [record.psnr or 0.0 for record in records]
    for axes, (name, title) in zip(all_axes, COSTS.items(), strict=True):
        costs = [float(getattr(record, name)) for record in records]
        axes.scatter(costs, scores, color="tab:blue", zorder=2)
        front = pareto_front(costs, scores)
        axes.plot([costs[i] for i in front], [scores[i] for i in front], "o-", color=FRONT,
                  label="no trial is both cheaper and better")  # fmt: skip
        for cost, score, record in zip(costs, scores, records, strict=True):
            axes.annotate(str(record.number), (cost, score), xytext=(4, 4), fontsize=8,
                          textcoords="offset points")  # fmt: skip
        axes.set_xlabel(title)
        axes.margins(0.08)
    all_axes[0].set_ylabel("validation PSNR (dB)")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", fontsize=8)
    _save(figure, path)


def draw_parallel(records: list[TrialRecord], names: list[str], path: Path) -> None:
    """Draw a line a trial through its hyper-parameters, its cost and its PSNR.

    Args:
        records: Completed trials that compare, as `trained_longest` gives them.
        names: Names of the searched hyper-parameters, each of which some trial has.
        path: The picture to write.
    """
    columns: dict[str, list[Any]] = {
        label(name): [record.values.get(name) for record in records] for name in names
    }
    columns["ms a stamp"] = [record.ms for record in records]
    columns["PSNR (dB)"] = [record.psnr for record in records]
    figure = Figure(figsize=(1.5 + 1.7 * len(columns), 4.8), layout="constrained")
    axes = figure.subplots()
    heights = np.array(
        [_draw_axis(axes, place, each) for place, each in enumerate(columns.values())]
    )
    scores = np.array(columns["PSNR (dB)"], float)
    colour = COLOURS(Normalize(scores.min(), scores.max())(scores))
    for number in np.argsort(scores):
        axes.plot(range(len(columns)), heights[:, number], color=colour[number], alpha=0.9)
    axes.set_xticks(range(len(columns)), list(columns))
    axes.set_yticks([])
    axes.set_xlim(-0.3, len(columns) - 0.7)
    axes.spines[:].set_visible(False)
    _save(figure, path)


def _draw_axis(axes: Any, place: int, values: list[Any]) -> list[float]:
    """Draw one vertical axis with its ends named, and return heights in [0, 1]."""
    present = [each for each in values if each is not None]
    if any(isinstance(each, str | bool) for each in present):
        ticks = sorted(set(map(str, present)))
        heights = {tick: i / max(1, len(ticks) - 1) for i, tick in enumerate(ticks)}
        found = [heights.get(str(each), np.nan) for each in values]
        marks = [(height, tick) for tick, height in heights.items()]
    else:
        low, high = min(present), max(present)
        scale = math.log if 0 < LOGARITHMIC * low < high else float
        span = scale(high) - scale(low) or 1
        found = [np.nan if v is None else (scale(v) - scale(low)) / span for v in values]
        marks = [(0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")] if high > low else [(0.0, f"{low:.4g}")]
    axes.axvline(place, color="0.6", linewidth=1, zorder=0)
    for height, text in marks:
        axes.annotate(text, (place, height), xytext=(4, 0), textcoords="offset points", fontsize=8,
                      color="0.25", va="bottom" if height == 0 else "top")  # fmt: skip
    return found


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
