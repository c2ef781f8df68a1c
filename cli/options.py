"""Options that several commands share."""

import click

data_option = click.option(
    "--data",
    multiple=True,
    metavar="PATH",
    help="Folder, .zip, .tar or HDF5 file of galaxies, or 'hubble' (default); can be repeated.",
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of everything random.",
)
