"""The paper's Table 1 for a terminal: one table per metric."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.table import Table

from kdeblend.scoring.summary import STATISTICS

TITLES = {
    "psnr": "PSNR (dB)",
    "ssim": "SSIM (data range 1)",
    "ssim_range2": "SSIM (data range 2, as in the paper)",
}


def tables(summary: dict[str, Any]) -> Iterator[Table]:
    """Yield a table per metric: a line for both galaxies and for each, per deblender.

    Args:
        summary: What `kdeblend.scoring.summary.summarise` returns.
    """
    together, layers = summary["deblenders"], summary["layers"]
    for metric in next(iter(together.values())):
        table = Table(
            title=TITLES.get(metric, metric),
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE,
        )
        table.add_column("deblender", overflow="fold")
        table.add_column("galaxy")
        for statistic in (*STATISTICS, "n"):
            table.add_column(statistic, justify="right")
        for name in together:
            for galaxy, figures in (("both", together), *layers.items()):
                _add_row(table, name, galaxy, figures[name][metric])
            table.add_section()
        yield table


def _add_row(table: Table, name: str, galaxy: str, figures: dict[str, Any]) -> None:
    shown = ["-" if figures[s] is None else f"{figures[s]:.4g}" for s in STATISTICS]
    first = galaxy == "both"
    table.add_row(
        name if first else "", galaxy, *shown, str(figures["n"]), style="bold" if first else None
    )
