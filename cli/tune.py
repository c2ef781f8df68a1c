"""`kdeblend tune`: from galaxies to the best configuration of the networks."""

import re
import shlex
import signal
import sys

import click

from kdeblend.cli.errors import report_errors
from kdeblend.cli.options import (
    assignment,
    data_option,
    devices_option,
    given,
    mixed_precision_option,
    xla_option,
)

EXAMPLES = """
\b
Examples:
  kdeblend tune --out tuned --max-trials 20 --steps-per-trial 200
      M, N and depth of a narrow network, on the galaxies of the Hubble eXtreme Deep Field
  kdeblend tune --data galaxies/ --out tuned-paper --preset paper --mixed-precision
      the paper's network at full width, on a GPU
  kdeblend tune --out tuned --resume --max-trials 40
      go on where the search was stopped
  kdeblend tune --out tuned --fix depth=3 --search filters --max-ms 20
  kdeblend tune --out tuned-many --chief
  kdeblend tune --out tuned-many --worker 127.0.0.1:8787
      a chief and any number of workers, in terminals of their own
  kdeblend train --config tuned/best.yaml --out run
      train what was found
"""

CHIEF_ADDRESS = "127.0.0.1:8787"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType):
    """A number with a unit of time, such as `90m`."""

    name = "TIME"

    def convert(self, value, param, ctx):
        """Return seconds."""
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value)
        if not match or not float(match[1]):
            self.fail(f"must be such as 90s, 30m, 8h or 2d. Received: {value}", param, ctx)
        return float(match[1]) * UNITS[match[2]]


@click.command(epilog=EXAMPLES)
@data_option
@click.option("--out", required=True, metavar="DIR", help="Folder of this search.")
@click.option(
    "--preset",
    type=click.Choice(["paper", "quick"]),
    help="What is not searched: 'paper', or 'quick' (default) for a CPU.",
)
@click.option("--max-trials", type=int, metavar="N", help="Trials in all (20).")
@click.option("--steps-per-trial", type=int, metavar="N", help="Training steps of a trial (1000).")
@click.option(
    "--executions-per-trial", type=int, metavar="N", help="Trainings to average for a trial (1)."
)
@click.option(
    "--oracle",
    type=click.Choice(["random", "bayesian", "hyperband"]),
    help="Who chooses the trials (bayesian).",
)
@click.option(
    "--search",
    "searched",
    type=click.Choice(["generator", "filters", "head", "learning_rate", "adversarial_weight"]),
    multiple=True,
    help="Search this too, beside M, N and depth; can be repeated.",
)
@click.option(
    "--fix",
    "fixes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Do not search this: M, N, depth, filters or any hyper-parameter of 'train'; can be "
    "repeated.",
)
@click.option(
    "--max-ms", type=float, metavar="MS", help="Train nothing that takes longer for a stamp."
)
@click.option("--max-params", type=int, metavar="N", help="Train no generator of more parameters.")
@click.option("--time-budget", type=Duration(), help="Stop after 30m, 8h, 2d; --resume goes on.")
@click.option("--seed", type=int, metavar="N", help="Seed of trials, weights and blends (0).")
@click.option("--resume", is_flag=True, help="Go on with the search in DIR.")
@click.option(
    "--chief",
    is_flag=False,
    flag_value=CHIEF_ADDRESS,
    metavar="[ADDRESS]",
    help=f"Let workers do the training; listen at HOST:PORT ({CHIEF_ADDRESS}).",
)
@click.option("--worker", metavar="ADDRESS", help="Train for the chief at HOST:PORT.")
@devices_option
@mixed_precision_option
@xla_option
@report_errors
def tune(out, chief, worker, resume, time_budget, **options):
    """Search the best size of the networks: M, N and the depth of the discriminator.

    Each trial trains a network for a while; what counts is PSNR on the same
    validation blends. DIR gets trials.csv, best.yaml (for 'kdeblend train
    --config'), best.keras (for 'kdeblend deblend --weights'), pareto.png and
    parallel.png. Ctrl-C stops after the current step; --resume goes on.
    """
    if worker is not None:
        _refuse_settings(chief, resume, options)
        _work(out, worker, time_budget)
        return
    from kdeblend.tuning.folder import SearchFolder

    folder = SearchFolder(out)
    if resume and not folder.exists():
        click.echo(f"There is no search in {out} yet; it begins.")
    before = folder.read_config() if resume and folder.exists() else None
    config = _config(options, before)
    _search(config, out, resume, chief, time_budget)


def _config(options, before):
    """Return the settings that options and a search that is resumed have together."""
    from kdeblend.tuning.config import SearchConfig, search_base

    training = {name: options.pop(name) for name in ("data", "devices", "mixed_precision", "xla")}
    training = given(training)
    preset = options.pop("preset")
    fixes = _fixes(options.pop("fixes"))
    options["max_parameters"] = options.pop("max_params")
    values = given(options)
    values |= {"fixed": fixes} if fixes else {}
    if before is None:
        base = search_base(preset or "quick").replace(**training)
        return SearchConfig(training=base, **values)
    base = before.training.replace(**training)
    if preset not in (None, base.preset):
        raise click.UsageError(
            f"--resume goes on with the preset of the search, {base.preset!r}. "
            f"Received: --preset {preset}"
        )
    return before.replace(training=base, **values | {"fixed": {**before.fixed, **fixes}})


def _fixes(texts):
    """Return what --fix pins by its full name, each once and with a value."""
    from kdeblend.tuning.space import ALIASES

    fixes = {}
    for text in texts:
        name, value = assignment(text, "--fix")
        name = ALIASES.get(name, name)
        if value is None or name in fixes:
            raise click.BadParameter(
                f"must give each name one value. Received: {text!r}", param_hint="--fix"
            )
        fixes[name] = value
    return fixes


def _search(config, out, resume, chief, time_budget):
    from kdeblend.cli.trial_table import TrialTable
    from kdeblend.tuning.folder import SearchFolder
    from kdeblend.tuning.record import read_records
    from kdeblend.tuning.run import search

    _announce(config, out, resume, chief)
    with TrialTable(config.max_trials, earlier=read_records(SearchFolder(out).trials)) as table:
        result = search(
            config, out, resume=resume, chief=chief, time_budget=time_budget, progress=table.show
        )
    if result.best is not None:
        _print_best(result, out)
    if result.stopped_by is None:
        return
    command = shlex.join(["kdeblend", "tune", "--out", out, "--resume"])
    command += f" --chief {chief}" if chief else ""
    click.echo(f"Stopped by {result.stopped_by}; go on with: {command}")
    _exit(result.stopped_by, failed=result.best is None)


def _work(out, worker, time_budget):
    from kdeblend.cli.trial_table import TrialTable
    from kdeblend.tuning.estimate import describe_hardware
    from kdeblend.tuning.run import join_search

    click.echo(f"Training for the chief at {worker}, which is waited for.")
    with TrialTable() as table:
        stopped_by = join_search(
            out,
            worker,
            time_budget=time_budget,
            progress=table.show,
            joined=lambda config: click.echo(describe_hardware(config)),
        )
    if stopped_by is not None:
        click.echo(f"Stopped by {stopped_by}; the chief gives the trial to another worker.")
        _exit(stopped_by, failed=False)
    click.echo("The chief has no more trials, or has ended.")


def _announce(config, out, resume, chief):
    from kdeblend.tuning.errors import describe_error
    from kdeblend.tuning.estimate import describe_hardware, measure_pace
    from kdeblend.tuning.folder import SearchFolder
    from kdeblend.tuning.record import FINISHED, read_records
    from kdeblend.tuning.space import label
    from kdeblend.tuning.trial import free_memory

    names = ", ".join(map(label, config.space().ranges)) or "nothing: all is fixed"
    click.echo(
        f"Searching {names} ({config.oracle}, preset {config.training.preset}, "
        f"{config.max_trials} trials of {config.steps_per_trial} steps) in {out}"
    )
    SearchFolder(out).check(config, resume)
    if chief is not None:
        click.echo(f"Waiting for workers: kdeblend tune --out {out} --worker {chief}")
        return
    click.echo(describe_hardware(config))
    records = read_records(SearchFolder(out).trials)
    done = sum(record.state in FINISHED for record in records)
    if done < config.max_trials:
        try:
            _estimate(config, measure_pace(config), done)
        except (ValueError, OSError):
            raise
        except Exception as error:  # smaller networks than the middle one may well fit
            click.echo(f"How long it will take is not known: {describe_error(error)}")
        free_memory()


def _estimate(config, pace, done):
    from kdeblend.tuning.space import label

    values = config.space().middle()
    shown = {n: f"{v:.4g}" if isinstance(v, float) else v for n, v in values.items()}
    middle = ", ".join(f"{label(name)} {value}" for name, value in shown.items())
    click.echo(
        f"In the middle of the search space ({middle}) a training takes {pace.start:.3g} s to "
        f"begin and {pace.step:.3g} s a step: about {_duration(pace.search_seconds(config, done))} "
        f"for the trials still to come, {config.max_trials - done} of {config.max_trials}."
    )


def _duration(seconds):
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _print_best(result, out):
    from kdeblend.tuning.space import label

    best = result.best
    values = ", ".join(f"{label(name)} {value}" for name, value in best.values.items())
    score = f"{best.psnr:.2f} dB, {best.parameters:,} parameters, {best.ms:.3g} ms a stamp"
    click.echo(f"Best of {len(result.records)}: trial {best.number} ({values}), {score}.")
    train = shlex.join(["kdeblend", "train", "--config", f"{out}/best.yaml", "--out", "run"])
    click.echo(f"Train it with: {train}")


def _exit(stopped_by, failed):
    """Exit as a process does that a signal has ended; a time budget is no failure."""
    if stopped_by in signal.Signals.__members__:
        sys.exit(128 + signal.Signals[stopped_by])
    if failed:
        raise click.ClickException("no trial was completed yet")


def _refuse_settings(chief, resume, options):
    """Refuse what a worker gets from its chief."""
    given_names = list(given(options))
    given_names += ["chief"] if chief else []
    given_names += ["resume"] if resume else []
    if given_names:
        raise click.UsageError(
            f"--worker takes all settings from the folder of the search. Received: {given_names}"
        )
