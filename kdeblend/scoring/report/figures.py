"""Figures of the report, as SVG that takes its colours from the page."""

import io
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from kdeblend.scoring.report.curves import curves
from kdeblend.scoring.scores import Scores
from kdeblend.scoring.titles import title

SERIES = 8
MARKERS = "osD^vPX*"
DASHES = ("-", "--")
BINS = 40
LONGEST_NAME = 30
LINE = 26
_INK, _GRID = "#0a0b0c", "#0a0b0d"
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
}
WIDE = (0.1, 0.1, 0.5, 0.22, 0.55)
NARROW = (0.72, 0.06, 0.52, 0.08, 0)
PROPERTY_AXES = {
    "separation": "separation of the two galaxies (pixels)",
    "flux_ratio": "flux of this galaxy / flux of the other",
}


def distributions(scores: Scores, metric: str) -> str:
    """Draw how a measure is distributed, a histogram per deblender on one axis.

    Args:
        scores: Single scores.
        metric: Name of the measure.

    Returns:
        The SVG. Scores that are not finite are left out; the axis spans 99.8 % of the rest.
    """
    finite = {name: _finite(by_metric[metric]) for name, by_metric in scores.values.items()}
    together = np.concatenate(list(finite.values()))
    ends = np.percentile(together, [0.1, 99.9]) if len(together) else (0, 1)
    low, high = ends if ends[0] < ends[1] else (ends[0] - 0.5, ends[0] + 0.5)
    rows = len(finite)
    with _figure((4.2, 0.72 * rows + 0.6), f"distributions-{metric}", rows, WIDE) as (axes, svg):
        for number, (axis, name) in enumerate(zip(axes, finite, strict=True)):
            values = finite[name]
            inside = values[(values >= low) & (values <= high)]
            colour = _colour(number)
            counts, edges = np.histogram(inside, BINS, (low, high))
            axis.stairs(counts, edges, fill=True, color=colour, alpha=0.6, linewidth=0)
            axis.set(xlim=(low, high), yticks=[])
            axis.spines["left"].set_visible(False)
            axis.grid(axis="y", visible=False)
            axis.tick_params(axis="x", labelbottom=number == rows - 1, length=0)
            if len(values):
                axis.axvline(values.mean(), color=_INK, linewidth=1.2)
            axis.set_title(_caption(name, values), loc="left", fontsize=9, pad=2, parse_math=False)
        axes[-1].set_xlabel(title(metric).text, parse_math=False)
    return svg()


def against(scores: Scores, metric: str, name: str) -> str:
    """Draw the mean of a measure against a property of the galaxies, a line per deblender.

    Args:
        scores: Single scores.
        metric: Name of the measure.
        name: Name of the property: `"separation"` or `"flux_ratio"`.

    Returns:
        The SVG; bands are 95 % intervals.
    """
    with _figure((3.4, 2.5), f"{metric}-{name}", 1, NARROW) as ((axis,), svg):
        drawn = curves(scores, metric, name)
        for number, curve in enumerate(drawn.values()):
            colour = _colour(number)
            axis.fill_between(curve.middle, curve.low, curve.high, color=colour, alpha=0.16, lw=0)
            axis.plot(
                curve.middle,
                curve.mean,
                color=colour,
                marker=MARKERS[number % len(MARKERS)],
                linestyle=DASHES[number // SERIES % len(DASHES)],
            )
        if name == "flux_ratio" and any(len(curve.middle) for curve in drawn.values()):
            _logarithmic(axis)
        if title(metric).best == "zero":
            axis.axhline(0, color=_INK, linewidth=0.8)
        axis.set_xlabel(PROPERTY_AXES[name])
        axis.set_ylabel(textwrap.fill(title(metric).text, LINE), parse_math=False)
    return svg()


def _logarithmic(axis: Any) -> None:
    """Give an axis ticks at 1, 2 and 5 times powers of ten, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=7))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _caption(name: str, values: np.ndarray) -> str:
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    if not len(values):
        return f"{shown}: no score"
    return f"{shown}: mean {values.mean():.3g}, σ {values.std():.2g}"


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def _colour(number: int) -> str:
    """Return the colour that stands for a series until the page gives it one."""
    return f"#0b0c{number % SERIES:02x}"


@contextmanager
def _figure(
    size: tuple[float, float], name: str, rows: int, margins: tuple[float, ...]
) -> Iterator[tuple[list[Any], Callable[[], str]]]:
    """Give empty axes below each other, and a function for the SVG at the end of the block.

    Args:
        size: Width and height in inches.
        name: Tells the identifiers of this figure from those of others.
        rows: Number of axes.
        margins: Left, right, below and above in inches, and between rows in units of a row.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(size)  # margins by hand: a layout engine draws everything twice
        left, right, bottom, top, between = margins
        edges = {
            "left": left / size[0],
            "right": 1 - right / size[0],
            "bottom": bottom / size[1],
            "top": 1 - top / size[1],
        }
        axes = figure.subplots(rows, 1, squeeze=False, gridspec_kw={**edges, "hspace": between})
        file = io.StringIO()
        yield list(axes[:, 0]), file.getvalue
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})


def inline(svg: str, label: str) -> str:
    """Make an SVG file part of a page: no header, no links, colours and font of the page.

    Args:
        svg: The file.
        label: What it shows, in words, escaped for an attribute.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style).*?</\1>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"| (width|height)="[\d.]+pt"', "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r"#0b0c0(\d)", r"var(--series-\1)", svg)
    svg = svg.replace(_GRID, "var(--grid)").replace(_INK, "currentColor")
    svg = re.sub(r">\s+<", "><", svg).replace("\n", " ")
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
