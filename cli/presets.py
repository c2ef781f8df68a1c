"""`kdeblend presets`: the trained networks that come with kdeblend."""

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.tables import has_width, table_console

EXAMPLES = """
\b
Examples:
  kdeblend presets
  kdeblend presets fast
      the card of one: what it was trained on, how good it is, where it fails
"""


@click.command(epilog=EXAMPLES)
@click.argument("name", required=False)
@report_errors
def presets(name):
    """List the trained networks that come with kdeblend, or show the card of one.

    A NAME without a version stands for the newest one. In a file or a pipe a
    card is Markdown.
    """
    from rich.markdown import Markdown

    from kdeblend.presets import preset_card

    if name is None:
        table_console().print(_table())
        return
    card = preset_card(name)
    text = card.read_text(encoding="utf-8")
    if has_width():
        table_console().print(Markdown(text))
    else:
        click.echo(text, nl=False)
    click.echo(f"\nWith pictures: {card}", err=True)


def _table():
    from rich import box
    from rich.table import Table

    from kdeblend.presets import DEFAULT_PRESET, list_presets, preset_path

    table = Table(box=box.SIMPLE)
    numbers = ("weights", "MB", "PSNR, dB")
    for title in ("preset", "network", *numbers, "blends"):
        table.add_column(title, justify="right" if title in numbers else "left")
    for name, entry in list_presets().items():
        default = " (default)" if name == DEFAULT_PRESET else ""
        table.add_row(
            name + default,
            entry["description"],
            f"{entry['parameters']:,}",
            f"{preset_path(name).stat().st_size / 1e6:.1f}",
            "-" if entry["psnr"] is None else f"{entry['psnr']:.2f}",
            entry["blend_mode"],
        )
    return table
