"""`kdeblend score`: how good deblenders are on blends with known truth."""

from pathlib import Path

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import (
    bfloat16_option,
    consistent_option,
    data_option,
    orientations_option,
    perturb_option,
    scale_option,
    seed_option,
)
from kdeblend.cli.progress import progress_bar
from kdeblend.cli.signals import GO_ON, ctrl_c_says
from kdeblend.cli.tables import table_console

OF_DEBLENDERS = ("consistent", "orientations", "mixed_precision", "scale")
EXAMPLES = """
\b
Examples:
  kdeblend score --deblender run --out scores
      3,200 blends of galaxies that the training has not seen
  kdeblend score --data galaxies/ --blends 400 --deblender run --out scores
  kdeblend score panels.npz --deblender run --orientations 8 --out scores
      blends with truth from a file, answers averaged over flips and turns
  kdeblend score --deblender run --out scores --processes 4 --resume
      go on where the scoring was stopped, with more processes
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
    "repeated; by default the best preset. 'identity', the blend itself, is always scored.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder for all results.")
@click.option("--resume", is_flag=True, help="Go on with the scoring in DIR that was stopped.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes for the metrics, and for deblenders that allow it (networks do not).",
)
@seed_option
@click.option(
    "--blend-mode",
    metavar="NAME",
    help="How light adds up: max, sum, mixed, lupton (default: as the networks were trained, else "
    "max; of a file, what its truth shows).",
)
@perturb_option
@consistent_option
@orientations_option
@bfloat16_option
@scale_option
@report_errors
def score(blends_file, data, blends, names, out, resume, processes, **making):
    """Score deblenders on test blends with known truth, and compare them.

    The blends are made of galaxies withheld by their names, or read from an
    .npz file with `blend` and `truth`, and `valid` if some pixels must not
    count; other arrays shaped as `truth` are scored as answers of others.
    Deblenders with parameters are tuned first, on other blends made of --data.
    Ctrl-C keeps what is finished; --resume goes on. The exit status is 1 if a
    deblender failed on every blend.
    """
    with ctrl_c_says(GO_ON):
        summary = _score(blends_file, list(data), blends, names, out, resume, processes, making)
    _show(summary)
    *first, last = _results(Path(out))
    click.echo(f"{', '.join(first)} and {last} written.")
    _end_with_failures(summary)


def _score(blends_file, data, blends, names, out, resume, processes, making):
    from kdeblend.io.locks import locked
    from kdeblend.scoring.run import ScoringRun

    options = {name: making.pop(name) for name in OF_DEBLENDERS}
    given = {name: value for name, value in making.items() if value is not None}
    read = _read_blends(blends_file, blends, given) if blends_file else None
    options["blend_mode"] = read.blend_mode if read else making["blend_mode"]
    deblenders = _deblenders(names, **options)
    test, tuning = _blends(read, data, blends, given, deblenders)
    _tell_of_reach(deblenders, test)
    with locked(Path(out), "scoring"):
        run = ScoringRun(deblenders, test, out, resume, processes)
        for name, choice in run.fit(tuning):
            click.echo(f"{name}: {_in_words(choice)}")
        with progress_bar("Scoring", run.steps) as advance:
            return run.finish(advance)


def _read_blends(path, blends, given):
    from kdeblend.scoring.read_blends import ReadBlends

    wrong = sorted(set(given) - {"blend_mode"})
    if wrong:
        raise click.UsageError(f"--{wrong[0]} is for blends that are made. Received: {path}")
    return ReadBlends(path, blends, given.get("blend_mode"))


def _deblenders(names, **options):
    from kdeblend.presets import DEFAULT_PRESET
    from kdeblend.scoring.load import load_deblenders

    return load_deblenders(names or [DEFAULT_PRESET], **options)


def _blends(read, data, blends, given, deblenders):
    """Return the blends to score, and a function that makes those to tune on."""
    from kdeblend.scoring.fitting import TUNING_BLENDS, can_be_tuned
    from kdeblend.scoring.load import trained_blend_mode
    from kdeblend.scoring.run import make_test_blends

    if read is None:
        given = {"blend_mode": trained_blend_mode(deblenders), **given}
    elif data and not any(map(can_be_tuned, deblenders)):
        raise click.UsageError(
            "--data is for blends that are made, or to tune deblenders on. "
            f"Received: {read.description['file']}"
        )
    else:
        given = {"blend_mode": read.blend_mode or "max"}

    def tuning():
        return make_test_blends(data or ["hubble"], TUNING_BLENDS, side="validation", **given)

    return read or make_test_blends(data or ["hubble"], blends or 3200, **given), tuning


def _tell_of_reach(deblenders, test):
    side = max(test.take([0]).blend.shape[1:3])
    for each in deblenders:
        if each.reach and each.reach < side:
            click.echo(
                f"{each.name} deblends only the middle {each.reach} x {each.reach} pixels of these "
                "blends; see --scale if the galaxies are large.",
                err=True,
            )


def _results(folder):
    names = ("report.html", "summary.json", "scores.csv", "blends.csv")
    return [str(folder / name) for name in names if (folder / name).is_file()]


def _end_with_failures(summary):
    """Exit with 1 if a deblender has no score at all."""
    failed = {name: each["count"] for name, each in summary["failures"].items()}
    useless = [name for name, count in failed.items() if count == summary["blends"]["blends"]]
    if useless:
        raise click.ClickException(f"{', '.join(useless)} failed on every blend")


def _in_words(choice):
    if "error" in choice:
        return choice["error"]
    return ", ".join(f"{name} {value}" for name, value in choice.items()) or "nothing to tune"


def _show(summary):
    from kdeblend.scoring.table import failures, tables

    console = table_console()
    for table in tables(summary):
        console.print(table)
    for line in failures(summary):
        click.echo(line)
