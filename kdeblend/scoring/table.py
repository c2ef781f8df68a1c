"""Scores for a terminal: a line per deblender, then the paper's Table 1 per metric."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kdeblend.scoring.summary import STATISTICS, all_galaxies, metrics_of
from kdeblend.scoring.titles import TITLES, title

MAIN = (
    *("psnr", "psnr_hidden", "ssim", "ssim_range2"),
    *("total_flux_error", "colour_error", "centroid_shift", "segmentation_iou"),
)
TABLE_1 = ("psnr", "ssim", "ssim_range2")


def tables(summary: dict[str, Any]) -> Iterator[Group]:
    """Yield the comparison, and a table for each metric of the paper or of a plugin.

    Each is below its title, which may be wider than the table.

    Args:
        summary: What `kdeblend.scoring.summary.summarise` returns.
    """
    yield _below_title(comparison(summary))
    for metric in metrics_of(summary):
        if metric in TABLE_1 or metric not in TITLES:
            yield _below_title(table_1(summary, metric))


def comparison(summary: dict[str, Any]) -> Table:
    """Return a line per deblender: means of the main metrics, failures and time a blend.

    Below each mean is half the width of its 95 % interval; for errors of either sign the
    standard deviation; and `n` if it is not over all galaxies. The time is the median of
    milliseconds a blend.
    """
    shown = [metric for metric in MAIN if metric in metrics_of(summary)]
    table = _table(
        "Means over both galaxies, ± half of the 95 % interval; σ scatter; n if not of all",
        padding=0,
    )
    table.add_column("deblender", overflow="fold")
    for metric in shown:
        table.add_column(escape(title(metric).short), justify="right", no_wrap=True)
    table.add_column("fail", justify="right", no_wrap=True)
    table.add_column("ms", justify="right", no_wrap=True)
    galaxies = all_galaxies(summary)
    for name, by_metric in summary["deblenders"].items():
        figures = [_mean(by_metric[each], galaxies, title(each).best) for each in shown]
        failed = summary["failures"][name]["count"]
        table.add_row(escape(name), *figures, str(failed) if failed else "-", _time(summary, name))
    return table


def table_1(summary: dict[str, Any], metric: str) -> Table:
    """Return the paper's Table 1: a line for both galaxies and for each, per deblender."""
    together, layers = summary["deblenders"], summary["layers"]
    table = _table(title(metric).text)
    table.add_column("deblender", overflow="fold")
    table.add_column("galaxy")
    for statistic in (*STATISTICS, "n"):
        table.add_column(statistic, justify="right")
    for name in together:
        for galaxy, figures in (("both", together), *layers.items()):
            _add_row(table, name, galaxy, figures[name][metric])
        table.add_section()
    return table


def failures(summary: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each deblender that failed on blends, with its most frequent message."""
    for name, failed in summary["failures"].items():
        if failed["count"]:
            message = max(failed["messages"], key=lambda text: failed["messages"][text])
            yield f"{name} failed on {failed['count']} blends: {message}"


def _table(text: str, padding: int = 1) -> Table:
    return Table(
        title=escape(text),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE,
        padding=(0, padding),
    )


def _below_title(table: Table) -> Group:
    heading, table.title = Text.from_markup(str(table.title), style="bold"), None
    return Group(heading, table)


def _mean(figures: dict[str, Any], galaxies: int, best: str | None) -> str:
    if figures["mean"] is None:
        return "-"
    digits = 2 if abs(figures["mean"]) >= 10 else 3
    lines = [f"{figures['mean']:.{digits}f}"]
    if figures["low"] is not None:
        lines.append(f"±{(figures['high'] - figures['low']) / 2:.{digits}f}")
    if best == "zero":
        lines.append(f"σ{figures['std']:.{digits}f}")
    if figures["n"] < galaxies:
        lines.append(f"n {figures['n']}")
    return "\n".join(lines)


def _time(summary: dict[str, Any], name: str) -> str:
    median = summary["milliseconds"][name]["median"]
    if median is None:
        return "-"
    return f"{median:.0f}" if median >= 100 else f"{median:.3g}"


def _add_row(table: Table, name: str, galaxy: str, figures: dict[str, Any]) -> None:
    shown = ["-" if figures[s] is None else f"{figures[s]:.4g}" for s in STATISTICS]
    first = galaxy == "both"
    table.add_row(
        escape(name) if first else "",
        galaxy,
        *shown,
        str(figures["n"]),
        style="bold" if first else None,
    )
