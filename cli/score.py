"""`kdeblend score`: how good deblenders are on blends with known truth."""

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import data_option
from kdeblend.cli.progress import progress_bar

EXAMPLES = """
\b
Examples:
  kdeblend score --deblender run --out scores
      3,200 blends of galaxies that the training has not seen
  kdeblend score --data galaxies/ --blends 400 --deblender run --out scores
  kdeblend score panels.npz --deblender run --no-consistent --out scores
      blends with truth from a file, the network's answers as they are
"""


@click.command(epilog=EXAMPLES)
@click.argument("blends_file", metavar="[BLENDS.npz]", required=False)
@data_option
@click.option(
    "--blends",
    type=click.IntRange(min=1),
    metavar="N",
    help="Blends to make (default 3200), or to take from the file (default all).",
)
@click.option(
    "--deblender",
    "names",
    multiple=True,
    metavar="PRESET|RUN|FILE|NAME",
    help="What to score: a preset, a run folder, a .keras file or a registered name; can be "
    "repeated. 'identity', the blend itself, is always scored.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder for summary.json and scores.csv.")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of the blends (0).")
@click.option(
    "--blend-mode",
    metavar="NAME",
    help="How light adds up: max, sum, mixed (default: as the networks were trained, else max).",
)
@click.option(
    "--perturb",
    type=click.Choice(["second", "both"]),
    help="Which galaxies are turned and scaled: second (default, the paper's) or both.",
)
@click.option(
    "--consistent/--no-consistent",
    default=True,
    help="Make a network's layers agree with the blend (default), or take them as they are.",
)
@report_errors
def score(blends_file, data, blends, names, out, seed, blend_mode, perturb, consistent):
    """Score deblenders on test blends and print the paper's Table 1.

    The blends are made of galaxies withheld from every training, or read from
    an .npz file with `blend` and `truth`, and `valid` if some pixels must not
    count; other arrays shaped as `truth` are scored as answers of others.
    """
    from rich.console import Console

    from kdeblend.presets import DEFAULT_PRESET
    from kdeblend.scoring.blends import MadeBlends, ReadBlends
    from kdeblend.scoring.run import (
        load_deblenders,
        make_test_blends,
        score_to_folder,
        trained_blend_mode,
    )
    from kdeblend.scoring.table import tables

    making = {"seed": seed, "perturb": perturb, "data": data or None}
    making = {name: value for name, value in making.items() if value is not None}
    chosen = names or ([DEFAULT_PRESET] if DEFAULT_PRESET else [])
    deblenders = load_deblenders(chosen, blend_mode, consistent)
    if blends_file is not None:
        if making:
            raise click.UsageError(
                f"--{sorted(making)[0]} is for blends that are made. Received: {blends_file}"
            )
        blend_set: MadeBlends | ReadBlends = ReadBlends(blends_file, blends)
    else:
        blend_mode = blend_mode or trained_blend_mode(deblenders)
        blend_set = make_test_blends(blends=blends or 3200, blend_mode=blend_mode, **making)
    with progress_bar("Scoring", len(blend_set)) as advance:
        summary = score_to_folder(deblenders, blend_set, out, advance)
    console = Console()
    for table in tables(summary):
        console.print(table)
    click.echo(f"{out}/summary.json and {out}/scores.csv written.")
