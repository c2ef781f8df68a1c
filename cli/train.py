"""`kdeblend train`: from galaxies to a trained network."""

import shlex
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
from kdeblend.cli.signals import ctrl_c_says
from kdeblend.training.recipes import PRESETS

EXAMPLES = """
\b
Examples:
  kdeblend train --out run
      a few minutes on a CPU, on the galaxies of the Hubble eXtreme Deep Field
  kdeblend train --data galaxies/ --out run --preset paper --mixed-precision
      the paper's network and schedule, on a GPU
  kdeblend train --out run --resume
      go on where the run was stopped
  kdeblend train --data galaxies/ --out run --preset fast --init fast --steps 2000 \\
      --set learning_rate=3e-4 --set validate_every=250
      go on learning from the network that ships, on galaxies of your own
  kdeblend train --data galaxies.zip --out run --set learning_rate=5e-4
      any hyper-parameter; run/config.yaml lists them all
"""


@click.command(epilog=EXAMPLES)
@data_option
@click.option("--out", required=True, metavar="RUN", help="Folder of this run.")
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="Where the hyper-parameters start from: 'paper' for a GPU, 'fast' for hours on a CPU, "
    "or 'quick' (default) for minutes.",
)
@click.option(
    "--init",
    metavar="PRESET|RUN|FILE",
    help="Start from a trained network, its weights and its shape, without burn-in. (The shape of "
    "a FILE that no training of this version wrote may not be known: give it with --set.)",
)
@click.option("--config", metavar="FILE", help="YAML or JSON file of hyper-parameters.")
@click.option("--steps", type=int, metavar="N", help="Training steps in all.")
@click.option("--burn-in", type=int, metavar="N", help="First steps, on the VGG19 loss alone.")
@click.option("--batch-size", type=int, metavar="N", help="Blends a step.")
@click.option(
    "--vgg-weights", metavar="imagenet|none|PATH", help="Weights of VGG19; 'none' is untrained."
)
@click.option("--seed", type=int, metavar="N", help="Seed of weights and blends.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in RUN.")
@devices_option
@mixed_precision_option
@xla_option
@click.option("--workers", type=int, metavar="N", help="Threads that make blends.")
@click.option("--cache-gb", type=float, metavar="GB", help="Memory for decoded images.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other hyper-parameter, with a YAML value; can be repeated.",
)
@report_errors
def train(out, preset, config, resume, init, assignments, **options):
    """Train a deblending network on blends of galaxies.

    Hyper-parameters come from the preset, then --config, then --init, then the
    other options; all of them end up in RUN/config.yaml. Ctrl-C stops after the current
    step and keeps everything; --resume goes on.
    """
    with ctrl_c_says(lambda: _stopped(out)):  # until the training itself listens
        result, steps = _train(out, preset, config, resume, init, assignments, options)
    _print(result, out, steps)


def _train(out, preset, config, resume, init, assignments, options):
    from kdeblend.training.config import preset_config, read_config
    from kdeblend.training.folder import RunFolder
    from kdeblend.training.train import train as run_training

    run = RunFolder(out)
    resuming = resume and run.exists()
    if resuming and init is not None:
        raise click.UsageError(
            f"--resume goes on with the weights of the run. Received: --init {init}"
        )
    values = read_config(config) if config else {}
    initial = {} if init is None else _initial(init)
    values |= initial | given({"preset": preset, **options})
    values |= dict(assignment(each, "--set") for each in assignments)
    _refuse_generator(values, initial)
    if resuming:
        base = run.read_config()
    else:
        if resume:
            click.echo(f"There is no run in {out} yet; it begins.")
        base = preset_config(values.get("preset", "quick"))
    training = base.replace(**values)
    _announce(training, out)
    return run_training(training, out, resume=resume), training.steps


def _print(result, out, steps):
    if result.stopped_by is not None and result.step < steps:
        click.echo(f"Stopped at step {result.step}; {_go_on(out)}")
        sys.exit(128 + result.stopped_by)
    if result.best_psnr is None:
        click.echo(f"Step {result.step} done.")
        return
    click.echo(
        f"Step {result.step} done. Best validation PSNR {result.best_psnr:.2f} dB"
        f"{_at_step(result.best_step)}; the blend itself scores {result.blend_psnr:.2f} dB."
    )
    click.echo(f"Deblend with: kdeblend deblend IMAGE --weights {shlex.quote(_as_path(out))}")


def _stopped(out):
    """Return what to do after Ctrl-C before the first step of this command."""
    from kdeblend.training.folder import RunFolder

    return f"Stopped; {_go_on(out)}" if RunFolder(out).exists() else "Stopped; no run was begun."


def _go_on(out):
    return f"go on with: kdeblend train --out {shlex.quote(out)} --resume"


def _at_step(step):
    if step == 0:
        return " of the initial weights, which training has not bettered"
    return "" if step is None else f" at step {step}"


def _announce(config, out):
    import keras

    from kdeblend import backend

    precision = "bfloat16" if config.mixed_precision else "float32"
    if config.deterministic:
        backend.prepare_determinism()
    # Asking what there is would start the backend before its devices can be chosen.
    device = ", ".join(config.devices) if config.devices else backend.describe_device()
    click.echo(
        f"Training {config.generator} (preset {config.preset}) for {config.steps} steps of "
        f"{config.batch_size} blends into {out}"
    )
    click.echo(f"Keras {keras.__version__} on {keras.backend.backend()}, {device}, {precision}")
    if config.burn_in or config.perceptual_weight:
        click.echo(f"Perceptual loss: VGG19 {config.vgg_layer}, weights {config.vgg_weights}")


def _as_path(out):
    """Return a folder as nobody takes it for a preset or a registered deblender."""
    from kdeblend.deblenders import DEBLENDERS
    from kdeblend.presets import find_preset

    return f"./{out}" if find_preset(out) or out in DEBLENDERS else out


def _initial(name):
    """Return the hyper-parameters that start from a trained network, in its own shape.

    Burn-in is for random weights; on the perceptual loss alone, trained ones would forget.
    """
    from kdeblend.deblenders.load import find_weights

    weights = find_weights(name)
    shape = ("generator", "generator_options")
    values = {name: weights.facts[name] for name in shape if name in weights.facts}
    return {**values, "initial_weights": str(weights.path.resolve()), "burn_in": 0}


def _refuse_generator(values, initial):
    if "generator" in initial and values["generator"] != initial["generator"]:
        raise click.UsageError(
            f"--init starts from a network of the family {initial['generator']!r}. "
            f"Received: generator={values['generator']}"
        )
