"""`kdeblend deblend`: from images of two blended galaxies to one image per galaxy."""

import re

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import (
    bfloat16_option,
    consistent_option,
    orientations_option,
    scale_option,
)
from kdeblend.cli.progress import progress_bar
from kdeblend.cli.signals import GO_ON, ctrl_c_says, sigterm_cleans_up

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
  kdeblend deblend images/ --out layers --mixed-precision
      quicker on a GPU or a recent CPU, and hardly worse
  kdeblend deblend wide.png --centre 120,45
      the central galaxy is the one at column 120, row 45
  kdeblend deblend images/ --out layers --centres catalogue.csv
      the same for each image, by the columns file, x and y of a table
  kdeblend deblend field.tif --out layers --centres catalogue.csv --size 80
      many galaxies of one image, told apart by the column name, cut out
  kdeblend deblend hubble/ --out layers --scale 0.5
      galaxies are twice as large, in pixels, as those the network knows
  kdeblend deblend images/ --out layers --resume
      go on where this was stopped, or with images that are new
"""


class Pixel(click.ParamType):
    """A position `X,Y` in pixels, rounded to whole ones as in a table of centres."""

    name = "X,Y"

    def convert(self, value, param, ctx):
        """Return `(x, y)`."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"\s*(\d+\.?\d*)\s*,\s*(\d+\.?\d*)\s*", value)
        if not match:
            self.fail(f"must be two numbers, column and row. Received: {value}", param, ctx)
        return round(float(match[1])), round(float(match[2]))


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
@click.option(
    "--centres",
    metavar="FILE",
    help="Table (CSV) that says it for each image, in the columns file, x and y; and name, where "
    "it has several galaxies of one image.",
)
@click.option(
    "--size",
    type=click.IntRange(min=8),
    metavar="PIXELS",
    help="Write a square of this side around the central galaxy; by default the whole image.",
)
@scale_option
@consistent_option
@orientations_option
@bfloat16_option
@click.option("--resume", is_flag=True, help="Leave out images whose layers are there, made alike.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    metavar="N",
    help="Images of 80 x 80 pixels to do at once; of larger ones fewer.",
)
@report_errors
def deblend(inputs, out, weights, centre, centres, size, resume, **options):
    """Split images of two blended galaxies into one image per galaxy.

    INPUT is a PNG, JPEG, TIFF or .npy file, a folder or a pattern. Beside
    in.png come in_1.png (the central galaxy), in_2.png (the other one), both
    with the bit depth of the input, and in_panel.png (all side by side).
    Transparent pixels count as black. The exit status is 1 if a file failed.
    """
    if centre is not None and centres is not None:
        raise click.UsageError("--centre is for all images, --centres for each: give one of them")
    with ctrl_c_says(GO_ON):
        report, reach = _deblend(inputs, out, weights, centre, centres, size, resume, options)
    _print(report, reach)


def _deblend(inputs, out, weights, centre, centres, size, resume, options):
    from kdeblend.deblenders.centres import read_centres
    from kdeblend.deblenders.deblender import Deblender
    from kdeblend.deblenders.files import deblend_files
    from kdeblend.presets import DEFAULT_PRESET

    where = centre if centres is None else read_centres(centres)
    deblender = Deblender.from_preset(weights or DEFAULT_PRESET, **options)
    with sigterm_cleans_up(), progress_bar("Deblending", None) as advance:
        report = deblend_files(inputs, deblender, out, where, advance, resume, size)
    return report, deblender.reach


def _print(report, reach):
    for panel, *_ in report.written.values():
        click.echo(click.format_filename(panel))
    for inputs, reason in (
        (report.done, "left out: deblended before, see --resume"),
        (report.skipped, "left out: layers and panels of kdeblend, no blends"),
        (report.fits, "left out: FITS is not read; docs/images.md says how to make pictures of it"),
        (
            report.reached_in_part,
            f"deblended only within {reach} x {reach} pixels around the central galaxy; see "
            "--scale if the galaxies are large, --size to cut that part out",
        ),
    ):
        if inputs:
            word = "input" if len(inputs) == 1 else "inputs"
            click.echo(f"{len(inputs)} {word} {reason}.", err=True)
    if report.unused:
        count, first = len(report.unused), report.unused[0]
        click.echo(f"Files of the table that no input goes by: {count}, such as {first}.", err=True)
    for name, reason in report.failed.items():
        click.echo(f"{name}: {reason}", err=True)
    if report.failed:
        count = len(report.failed)
        raise click.ClickException(f"{count} of {report.ended} inputs failed")
