"""`kdeblend deblend`: from images of two blended galaxies to one image per galaxy."""

import re

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import consistent_option, orientations_option
from kdeblend.cli.progress import progress_bar

EXAMPLES = """
\b
Examples:
  kdeblend deblend blend.png
      writes blend_1.png, blend_2.png and blend_panel.png
  kdeblend deblend images/ "more/*.tif" --out layers
  kdeblend deblend blend.png --weights run
      with a network of your own
  kdeblend deblend images/ --out layers --orientations 8
      slower and a little better
  kdeblend deblend wide.png --centre 120,45
      the central galaxy is the one at column 120, row 45
"""


class Pixel(click.ParamType):
    """A position `X,Y` in whole pixels."""

    name = "X,Y"

    def convert(self, value, param, ctx):
        """Return `(x, y)`."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", value)
        if not match:
            self.fail(f"must be two whole numbers, column and row. Received: {value}", param, ctx)
        return int(match[1]), int(match[2])


@click.command(epilog=EXAMPLES)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--out", metavar="DIR", help="Folder for the results; by default beside each input.")
@click.option(
    "--weights",
    metavar="PRESET|RUN|FILE|NAME",
    help="Trained network: a preset ('kdeblend presets' lists them), a run folder or a .keras "
    "file; or a registered deblender such as 'sep'. By default the best preset.",
)
@click.option(
    "--centre",
    type=Pixel(),
    help="Column and row, from 0 at the upper left, of the galaxy to take as the central one; by "
    "default the middle of the image.",
)
@consistent_option
@orientations_option
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Images of 80 x 80 pixels to do at once; of larger ones fewer.",
)
@report_errors
def deblend(inputs, out, weights, centre, consistent, orientations, batch_size):
    """Split images of two blended galaxies into one image per galaxy.

    INPUT is a PNG, JPEG, TIFF or .npy file, a folder or a pattern. Beside
    in.png come in_1.png (the central galaxy), in_2.png (the other one), both
    with the bit depth of the input, and in_panel.png (all side by side).
    Transparent pixels count as black. The exit status is 1 if a file failed.
    """
    from kdeblend.deblenders.deblender import Deblender
    from kdeblend.deblenders.files import deblend_files
    from kdeblend.presets import DEFAULT_PRESET

    deblender = Deblender.from_preset(
        weights or DEFAULT_PRESET,
        consistent=consistent,
        batch_size=batch_size,
        orientations=orientations,
    )
    with progress_bar("Deblending", None) as advance:
        report = deblend_files(inputs, deblender, out, centre, advance)
    _print(report)


def _print(report):
    for panel, *_ in report.written.values():
        click.echo(panel)
    if report.skipped:
        click.echo(f"{len(report.skipped)} files left out: results of an earlier run.", err=True)
    for name, reason in report.failed.items():
        click.echo(f"{name}: {reason}", err=True)
    if report.failed:
        raise click.ClickException(
            f"{len(report.failed)} of {len(report.failed) + len(report.written)} inputs failed"
        )
