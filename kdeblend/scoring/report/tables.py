"""Tables of the report."""

import math
from html import escape
from typing import Any

from kdeblend.scoring.report import page
from kdeblend.scoring.summary import STATISTICS, all_galaxies, metrics_of
from kdeblend.scoring.titles import title

PAPER = {
    "psnr": (34.61, 34.83, None, 21.34, 4.88),
    "ssim_range2": (0.928, 0.934, 0.982, 0.576, 0.001),
}
MINUS = "\N{MINUS SIGN}"


def comparison(summary: dict[str, Any]) -> str:
    """Return the table of all means: a row per deblender, a column per measure.

    Args:
        summary: What `kdeblend.scoring.summary.summarise` returns.
    """
    together, metrics = summary["deblenders"], metrics_of(summary)
    best = {metric: _best(together, metric) for metric in metrics}
    head = ["deblender", *(title(metric).text for metric in metrics), "failed", "ms a blend"]
    rows, galaxies = [], all_galaxies(summary)
    for name, by_metric in together.items():
        cells = [
            _mean(by_metric[each], galaxies, name in best[each], title(each).best == "zero")
            for each in metrics
        ]
        failed, median = summary["failures"][name]["count"], summary["milliseconds"][name]["median"]
        cells += [page.cell(str(failed)), page.cell(_number(median))]
        rows.append(page.row(name, cells))
    return page.table(head, rows, "table means")


def paper_table(summary: dict[str, Any], metric: str) -> str:
    """Return the paper's Table 1 for a measure, with the paper's own row where it has one."""
    rows = []
    for name, by_metric in summary["deblenders"].items():
        figures = by_metric[metric]
        cells = [page.cell(_number(figures[statistic])) for statistic in STATISTICS]
        rows.append(page.row(name, [*cells, page.cell(str(figures["n"]))]))
    if metric in PAPER:
        cells = [page.cell(_number(each)) for each in (*PAPER[metric], 6400)]
        rows.append(page.row("the paper, on its blends", cells, "quoted"))
    return page.table(["deblender", *STATISTICS, "n"], rows)


def differences(summary: dict[str, Any]) -> str:
    """Return the section of pairwise differences: a table per measure, PSNR open."""
    tables, galaxies = [], all_galaxies(summary)
    for metric, pairs in summary["differences"].items():
        best = title(metric).best
        rows = [
            page.row(
                f"{pair['first']} {MINUS} {pair['second']}",
                [_mean(pair, galaxies), _ahead(pair, best)],
            )
            for pair in pairs
        ]
        if rows:
            verdict = "which is better" if best in ("high", "low") else "which is larger"
            found = page.table(["pair", "difference", verdict], rows)
            opened = " open" if metric == "psnr" else ""
            heading = escape(page.measure_name(metric))
            tables.append(f"<details{opened}><summary>{heading}</summary>{found}</details>")
    if not tables:
        return ""
    explained = page.note(
        "The score of the first minus that of the second on the same galaxies, with its 95 % "
        "interval. Where the interval holds 0, neither is called better or larger."
    )
    return page.section("Differences between deblenders", explained, *tables)


def _ahead(pair: dict[str, Any], best: str | None) -> str:
    """Return the cell of the better one of a pair, of the larger one where that says nothing."""
    if pair["low"] is None or pair["low"] <= 0 <= pair["high"]:
        return page.cell("\N{EN DASH}")
    first_is_larger = pair["low"] > 0
    return page.cell(pair["first" if first_is_larger != (best == "low") else "second"])


def _mean(figures: dict[str, Any], galaxies: int, best: bool = False, scatter: bool = False) -> str:
    """Return the cell of a mean, with `n` if it is not over all galaxies."""
    if figures["mean"] is None:
        return page.cell("\N{EN DASH}")
    below = []
    if figures["low"] is not None:
        below.append(f"{_number(figures['low'])} to {_number(figures['high'])}")
    if figures["n"] < galaxies:
        below.append(f"n = {figures['n']}")
    mean = _number(figures["mean"])
    if scatter:
        mean += f" \N{PLUS-MINUS SIGN} {_number(figures['std'])}"
    return page.cell(mean, ", ".join(below), best)


def _best(together: dict[str, dict[str, Any]], metric: str) -> list[str]:
    """Return which deblenders have the best mean; none if it is not known what is best.

    Only those compare that have a score on as many galaxies as any other.
    """
    best = title(metric).best
    most = max(by_metric[metric]["n"] for by_metric in together.values())
    found = {name: each[metric] for name, each in together.items() if each[metric]["n"] == most}
    if best is None or not most or len(found) < 2:
        return []
    distances = {name: _distance(figures, best) for name, figures in found.items()}
    return [name for name in found if distances[name] == min(distances.values())]


def _distance(figures: dict[str, Any], best: str) -> float:
    """Return a number that is least where scores are best; for errors, their bias and scatter."""
    if best == "zero":
        return math.hypot(figures["mean"], figures["std"])
    return -figures["mean"] if best == "high" else figures["mean"]


def _number(value: float | None) -> str:
    """Return a number with four digits, or a dash."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.4g}".replace("-", MINUS)
