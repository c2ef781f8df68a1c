"""Tables of the report."""

from html import escape
from typing import Any

from kdeblend.scoring import page
from kdeblend.scoring.summary import STATISTICS
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
    together = summary["deblenders"]
    metrics = list(next(iter(together.values()), {}))
    best = {metric: _best(together, metric) for metric in metrics}
    head = ["deblender", *(title(metric).text for metric in metrics), "failed", "ms a blend"]
    rows = []
    for name, by_metric in together.items():
        cells = [_mean(by_metric[metric], name in best[metric]) for metric in metrics]
        failed = summary["failures"].get(name, {}).get("count", 0)
        median = summary["milliseconds"].get(name, {}).get("median")
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
    tables = []
    for metric, pairs in summary["differences"].items():
        rows = [
            page.row(f"{pair['first']} {MINUS} {pair['second']}", [_mean(pair), _sign(pair)])
            for pair in pairs
        ]
        if rows:
            found = page.table(["pair", "difference", "which is larger"], rows)
            opened = " open" if metric == "psnr" else ""
            heading = escape(page.measure_name(metric))
            tables.append(f"<details{opened}><summary>{heading}</summary>{found}</details>")
    if not tables:
        return ""
    explained = page.note(
        "The score of the first minus that of the second on the same galaxies, with its 95 % "
        "interval. Where the interval holds 0, neither is called larger."
    )
    return page.section("Differences between deblenders", explained, *tables)


def _sign(pair: dict[str, Any]) -> str:
    if pair["low"] is None or pair["low"] <= 0 <= pair["high"]:
        return page.cell("\N{EN DASH}")
    return page.cell(pair["first"] if pair["low"] > 0 else pair["second"])


def _mean(figures: dict[str, Any], best: bool = False) -> str:
    if figures["mean"] is None:
        return page.cell("\N{EN DASH}")
    interval = f"{_number(figures['low'])} to {_number(figures['high'])}"
    return page.cell(_number(figures["mean"]), interval, best)


def _best(together: dict[str, dict[str, Any]], metric: str) -> list[str]:
    """Return which deblenders have the best mean; none if it is not known what is best."""
    means = {name: figures[metric]["mean"] for name, figures in together.items()}
    means = {name: mean for name, mean in means.items() if mean is not None}
    order = {"high": lambda mean: -mean, "low": lambda mean: mean, "zero": abs}
    best = title(metric).best
    if best is None or len(means) < 2:
        return []
    least = min(order[best](mean) for mean in means.values())
    return [name for name, mean in means.items() if order[best](mean) == least]


def _number(value: float | None) -> str:
    """Return a number with four digits, or a dash."""
    if value is None:
        return "\N{EN DASH}"
    return f"{value:.4g}".replace("-", MINUS)
