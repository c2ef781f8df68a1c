"""The report: one page that needs no network, with tables, figures and galleries."""

import os
from collections.abc import Iterator
from html import escape
from importlib import resources
from typing import Any

from kdeblend.io.atomic import atomic_path
from kdeblend.scoring.report import page
from kdeblend.scoring.report.faults import FAULTS
from kdeblend.scoring.report.figures import PROPERTY_AXES, against, distributions
from kdeblend.scoring.report.gallery import EXAMINED, ExampleFunction, best_median_worst, faulty
from kdeblend.scoring.report.tables import comparison, differences, paper_table
from kdeblend.scoring.scores import Scores

PAPER_METRICS = ("psnr", "ssim_range2", "ssim")
REFERENCE = "identity"


def write_report(
    path: str | os.PathLike, scores: Scores, summary: dict[str, Any], examples: ExampleFunction
) -> None:
    """Write the page of a scoring: tables, distributions, curves, galleries.

    Args:
        path: The HTML file; an existing one is replaced.
        scores: Single scores. Without `psnr`, which ranks the blends, there are no galleries.
        summary: What `kdeblend.scoring.summary.summarise` returns.
        examples: Gives the blends of some numbers, and the layers that a deblender
            finds on them, `(n, 2, height, width, bands)`.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> write_report("report.html", scores, summarise(scores, {}), examples)
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_page(scores, summary, examples))


def _page(scores: Scores, summary: dict[str, Any], examples: ExampleFunction) -> Iterator[str]:
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    yield (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Deblenders compared</title><style>{style}</style></head><body>"
    )
    yield f"<header><h1>Deblenders compared</h1><p>{escape(_lead(summary))}</p></header>"
    yield page.legend(scores.values)
    yield _means(scores, summary)
    if set(PAPER_METRICS) & set(scores.metrics):
        yield _distributions(scores, summary)
    yield differences(summary)
    yield from _curves(scores)
    if "psnr" in scores.metrics:
        yield from _galleries(scores, examples)
        yield from _faults(scores, examples)
    yield _making(summary)
    yield "</body></html>\n"


def _lead(summary: dict[str, Any]) -> str:
    blends = summary["blends"]
    files = blends.get("file") or ", ".join(blends.get("data", ()))
    source = f" from {files}" if files else ""
    mode = f", blended by {blends['blend_mode']}" if blends.get("blend_mode") else ""
    names = len(summary["deblenders"])
    return (
        f"{names} deblenders on the same {blends.get('blends', 0)} blends of two galaxies"
        f"{source}{mode}. Sources found by a deblender that finds any "
        "number of them are matched to the true galaxies."
    )


def _means(scores: Scores, summary: dict[str, Any]) -> str:
    return page.section(
        "Means over both galaxies",
        page.note(
            "Below each mean is its 95 % interval, from drawing galaxies with replacement, or "
            "blends where their galaxies are not known. "
            "Errors of either sign are bias ± scatter (standard deviation). n is said where scores "
            "are undefined, infinite or failed. The best of a column is marked, among those with "
            "the largest n if they are several. Times are medians of milliseconds a blend."
        ),
        comparison(summary),
    )


def _distributions(scores: Scores, summary: dict[str, Any]) -> str:
    shown = [metric for metric in PAPER_METRICS if metric in scores.metrics]
    return page.section(
        "Distribution of PSNR and SSIM",
        page.note(
            "As figures 4 and 5 and table 1 of Reiman & Göhre (2019): one score per galaxy. The "
            "line is the mean. The paper’s own figures are of its own blends."
        ),
        f'<div class="figures">{"".join(_distribution(scores, summary, m) for m in shown)}</div>',
    )


def _distribution(scores: Scores, summary: dict[str, Any], metric: str) -> str:
    name = page.measure_name(metric)
    drawn = page.figure(distributions(scores, metric), f"Histograms of {name} by deblender")
    return f"<div><h3>{escape(name)}</h3>{drawn}{paper_table(summary, metric)}</div>"


def _curves(scores: Scores) -> Iterator[str]:
    names = [name for name in PROPERTY_AXES if name in scores.properties]
    if not names:
        return
    yield "<section><h2>Where each deblender is good</h2>"
    yield page.note(
        "Means of galaxies in bins of equally many, at the bin’s median, with 95 % intervals. "
        "Both quantities on the horizontal axes are those of the true galaxies."
    )
    yield '<div class="measures">'
    for metric in scores.metrics:
        yield f'<div><h3>{escape(page.measure_name(metric))}</h3><div class="pair">'
        for name in names:
            label = f"{page.measure_name(metric)} against {PROPERTY_AXES[name]}, by deblender"
            yield page.figure(against(scores, metric, name), label)
        yield "</div></div>"
    yield "</div></section>"


def _galleries(scores: Scores, examples: ExampleFunction) -> Iterator[str]:
    yield "<section><h2>Best, median and worst blends</h2>"
    yield page.note(
        "By the mean PSNR of the two layers. In each panel: the true galaxies on the left, the "
        "central one above; the blend; the layers found on the right, with their PSNR. "
        "The pictures are compressed, the numbers are not."
    )
    for number, name in enumerate(scores.values):
        yield f"<h3>{page.swatch(number)} {escape(name)}</h3>"
        for group, shown in best_median_worst(scores, examples, name):
            yield f"<h4>{group}</h4>{page.panels(shown)}"
    yield "</section>"


def _faults(scores: Scores, examples: ExampleFunction) -> Iterator[str]:
    """Yield the section of failures by kind, each with all deblenders."""
    names = [name for name in scores.values if name != REFERENCE]
    found = {name: list(faulty(scores, examples, name)) for name in names}
    yield "<section><h2>Kinds of failure</h2>"
    yield page.note(
        f"Of each deblender’s blends the {EXAMINED} with the lowest PSNR of a layer were looked "
        "at. A kind’s two strongest cases are shown; the layer that has it is framed. The strength "
        "is the number that the rule sets a limit to."
    )
    for kind, fault in enumerate(FAULTS):
        yield f"<h3>{escape(fault.title)}</h3><p>{escape(fault.rule)}</p>"
        for name, cases in found.items():
            _, count, shown = cases[kind]
            yield f"<h4>{escape(name)}: {count} blends</h4>"
            if shown:
                yield page.panels(shown)
    yield "</section>"


def _making(summary: dict[str, Any]) -> str:
    pairs = [(name, _plain(value)) for name, value in summary["blends"].items()]
    for what, title in (("settings", "settings"), ("tuning", "chosen on validation blends")):
        for name, values in summary.get(what, {}).items():
            listed = ", ".join(f"{key} {_plain(value)}" for key, value in values.items())
            pairs.append((f"{name}, {title}", listed))
    pairs += [(f"{name}, batch size", n) for name, n in summary.get("batch_size", {}).items()]
    for name, failed in summary["failures"].items():
        pairs += [
            (f"{name} failed on {count} blends", message)
            for message, count in failed["messages"].items()
        ]
    if "processes" in summary:
        pairs.append(("processes", summary["processes"]))
    return page.section("How this was made", page.definitions(pairs))


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
