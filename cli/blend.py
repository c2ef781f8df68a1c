"""`kdeblend blend`: the blends of `kdeblend score` in a file."""

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import data_option, perturb_option, seed_option
from kdeblend.cli.progress import progress_bar
from kdeblend.cli.signals import ctrl_c_says, sigterm_cleans_up

EXAMPLES = """
\b
Examples:
  kdeblend blend --out blends.npz
      the 3,200 blends of Hubble galaxies that 'kdeblend score' makes
  kdeblend blend --data galaxies/ --blends 400 --perturb both --out blends.npz
  kdeblend score blends.npz --deblender run --out scores
      score a network, and the answers that were added to the file
"""


def _npz(context, parameter, value):
    if not value.lower().endswith(".npz"):
        raise click.BadParameter(f"must end in .npz. Received: {value}")
    return value


@click.command(epilog=EXAMPLES)
@data_option
@click.option(
    "--blends",
    type=click.IntRange(min=1),
    default=3200,
    show_default=True,
    metavar="N",
    help="Blends to make.",
)
@click.option("--out", required=True, callback=_npz, metavar="FILE.npz", help="File to write.")
@seed_option
@click.option(
    "--blend-mode", metavar="NAME", help="How light adds up: max (default), sum, mixed, lupton."
)
@perturb_option
@report_errors
def blend(data, out, **making):
    """Write test blends with known truth to a file, for any deblender.

    'kdeblend score' makes the same ones of the same --data, --blends, --seed,
    --perturb and --blend-mode; without the last it takes the mode that its
    networks were trained for, this command max.

    FILE.npz holds `blend` (n, height, width, bands) and `truth` (n, 2, height,
    width, bands), the central galaxy first: uint16, where 65535 is 1; and
    `galaxies` (n, 2), their names. Any further array shaped as `truth` that is
    put in is scored as a deblender's answer by 'kdeblend score FILE.npz'.
    """
    with ctrl_c_says(f"Stopped; {out} is not written."):
        made = _write(data, out, making)
    galaxies = len(set(made.galaxies.flat))
    click.echo(f"{len(made)} blends of {galaxies} galaxies in {out}")


def _write(data, out, making):
    from kdeblend.scoring.run import make_test_blends
    from kdeblend.scoring.write_blends import check_place, write_blends

    check_place(out)
    given = {name: value for name, value in making.items() if value is not None}
    made = make_test_blends(list(data) or ["hubble"], **given)
    with sigterm_cleans_up(), progress_bar("Making blends", len(made)) as advance:
        write_blends(made, out, lambda rows: advance(rows / 2))
    return made
