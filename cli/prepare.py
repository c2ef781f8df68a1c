"""`kdeblend prepare`: decode galaxies once into one file."""

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.signals import sigterm_cleans_up

EXAMPLES = """
\b
Examples:
  kdeblend prepare --data galaxies/ --out galaxies.h5
  kdeblend train --data galaxies.h5 --out run
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="PATH",
    help="Folder, .zip, .tar or HDF5 file of galaxies, or 'hubble'; can be repeated.",
)
@click.option("--out", required=True, metavar="FILE", help="HDF5 file to write.")
@report_errors
def prepare(data, out):
    """Decode galaxies once into one file for fast training.

    Such a file is memory-mapped, so training on more galaxies than fit into memory costs
    no decoding. It takes as much room as the images uncompressed. What is in one file counts as
    one survey: its galaxies may meet in one blend.
    """
    from rich.progress import Progress

    from kdeblend.data.open import open_source
    from kdeblend.data.prepared import prepare as prepare_file
    from kdeblend.io.atomic import check_folder

    check_folder(out)
    source = open_source(data, stamp_size=1)
    with sigterm_cleans_up(), Progress(transient=True) as bar:
        task = bar.add_task("Decoding", total=len(source))
        count = prepare_file(source, out, lambda done, _: bar.update(task, completed=done))
    click.echo(f"{count} galaxies, {source.native_size} x {source.native_size} pixels, in {out}")
