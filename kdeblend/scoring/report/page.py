"""Pieces of the report's page. What comes from outside is escaped here, and nowhere else."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from kdeblend.scoring.report.figures import DASHES, MARKERS, SERIES, inline
from kdeblend.scoring.report.gallery import Panel
from kdeblend.scoring.scores import LAYERS
from kdeblend.scoring.titles import title

_SHAPES = {
    "o": '<circle cx="15" cy="7" r="3.6"/>',
    "s": '<rect x="11.6" y="3.6" width="6.8" height="6.8"/>',
    "D": '<path d="M15 2.4 19.6 7 15 11.6 10.4 7Z"/>',
    "^": '<path d="M15 2.8 19.2 10.6H10.8Z"/>',
    "v": '<path d="M15 11.2 10.8 3.4H19.2Z"/>',
    "P": '<path d="M13.4 2.6h3.2v2.8h2.8v3.2h-2.8v2.8h-3.2v-2.8h-2.8V5.4h2.8Z"/>',
    "X": '<path d="m11.6 3.6 6.8 6.8m0-6.8-6.8 6.8" stroke-width="2.8"/>',
    "*": '<path d="m15 2.2 1.3 3.3 3.6.2-2.8 2.2.9 3.5-3-1.9-3 1.9.9-3.5-2.8-2.2 3.6-.2Z"/>',
}


def section(heading: str, *parts: str) -> str:
    """Return a section of the page from a heading and HTML."""
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def note(text: str) -> str:
    """Return a paragraph of explanation."""
    return f'<p class="note">{escape(text)}</p>'


def swatch(number: int) -> str:
    """Return the line and marker of a series, as they are in the figures."""
    dash = ' stroke-dasharray="6 3"' if DASHES[number // SERIES % len(DASHES)] == "--" else ""
    return (
        f'<svg class="swatch" viewBox="0 0 30 14" aria-hidden="true" style="color: var(--series-'
        f'{number % SERIES})" fill="currentColor" stroke="currentColor">'
        f'<path d="M0 7H30" stroke-width="2"{dash}/>{_SHAPES[MARKERS[number % len(MARKERS)]]}</svg>'
    )


def legend(names: Iterable[str]) -> str:
    """Return the list of deblenders with line and marker of each."""
    items = (f"<li>{swatch(n)}{escape(name)}</li>" for n, name in enumerate(names))
    return f'<ul class="legend">{"".join(items)}</ul>'


def figure(svg: str, label: str) -> str:
    """Return an SVG file as a figure.

    Args:
        svg: The file.
        label: What it shows, for those who do not see it.
    """
    return f"<figure>{inline(svg, escape(label))}</figure>"


def table(head: Sequence[str], rows: Iterable[str], kind: str = "table") -> str:
    """Return a table, in a box that scrolls sideways, from its head and the HTML of its rows."""
    cells = "".join(f"<th>{escape(text)}</th>" for text in head)
    return (
        f'<div class="{kind}" tabindex="0"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(name: str, cells: Iterable[str], kind: str = "") -> str:
    """Return a row of a table from its name and the HTML of its cells."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<tr{attribute}><th>{escape(name)}</th>{''.join(cells)}</tr>"


def cell(text: str, below: str = "", best: bool = False) -> str:
    """Return a cell of a table, with a small second line if there is one."""
    small = f"<small>{escape(below)}</small>" if below else ""
    attribute = ' class="best"' if best else ""
    return f"<td{attribute}>{escape(text)}{small}</td>"


def panel(shown: Panel) -> str:
    """Return a panel as in the paper: truths, blend, layers found with their PSNR."""
    truths, layers = zip(shown.truth, LAYERS, strict=True), []
    for number, (image, decibels) in enumerate(zip(shown.found, shown.psnr, strict=True)):
        marked = shown.strength is not None and shown.strength[1] == number
        text = _decibels(decibels)
        alternative = f"found {LAYERS[number]} galaxy"
        layers.append(_tile(image, alternative, text, "fault" if marked else ""))
    true = [_tile(image, f"true {layer} galaxy", layer, "named") for image, layer in truths]
    strength = f", strength {shown.strength[0]:.2f}" if shown.strength else ""
    return (
        '<figure class="panel"><div class="tiles">'
        f"{true[0]}{_tile(shown.blend, 'blend', '', 'blend')}{layers[0]}{true[1]}{layers[1]}</div>"
        f"<figcaption>blend {shown.number}{strength}</figcaption></figure>"
    )


def _decibels(value: float) -> str:
    if math.isnan(value):
        return "failed"
    return "exact" if math.isinf(value) else f"{value:.1f} dB"


def panels(shown: Iterable[Panel]) -> str:
    """Return panels side by side, as many as fit."""
    return f'<div class="panels">{"".join(panel(each) for each in shown)}</div>'


def _tile(image: str, alternative: str, text: str, kind: str) -> str:
    attribute = f' class="{kind}"' if kind else ""
    label = f"<span>{escape(text)}</span>" if text else ""
    return f'<div{attribute}><img src="{image}" alt="{escape(alternative)}">{label}</div>'


def definitions(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return a list of terms and what is to be said of them."""
    items = (f"<dt>{escape(term)}</dt><dd>{escape(str(text))}</dd>" for term, text in pairs)
    return f"<dl>{''.join(items)}</dl>"


def measure_name(metric: str) -> str:
    """Return what a measure is called, the first letter a capital."""
    text = title(metric).text
    return text[:1].upper() + text[1:]
