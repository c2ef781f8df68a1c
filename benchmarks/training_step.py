"""Time training steps of one network on the chosen backend, as ratios to the first row.

    KERAS_BACKEND=jax python benchmarks/training_step.py --preset quick

Each row is one setting of precision and compiler; the batches are random, so
that nothing but the step itself is measured.
"""

import argparse
import time

import keras
import numpy as np

from kdeblend.training.config import preset_config
from kdeblend.training.networks import build_gan
from kdeblend.training.recipes import PRESETS


def batches(config, count):
    """Return `count` random batches as `fit` takes them."""
    random = np.random.default_rng(0)
    shape = (config.batch_size, config.stamp_size, config.stamp_size, 3)
    blend = random.random(shape, np.float32)
    return [(blend, (2 * blend - 1, 1 - 2 * blend))] * count


def seconds_per_step(config, steps):
    """Return the median seconds of `steps` steps after a warm-up."""
    keras.config.set_dtype_policy("mixed_bfloat16" if config.mixed_precision else "float32")
    gan = build_gan(config, bands=3)
    times = []
    for blend, truth in batches(config, steps + 2):
        start = time.perf_counter()
        gan.train_on_batch(blend, truth)
        times.append(time.perf_counter() - start)
    return float(np.median(times[2:]))


def main():
    """Print a table of milliseconds a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="quick")
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    base = preset_config(arguments.preset).replace(burn_in=0, vgg_weights="none")
    xla = (False, True) if keras.backend.backend() == "tensorflow" else (False,)
    settings = [(mixed, jit) for mixed in (False, True) for jit in xla]
    first = None
    print(f"{keras.backend.backend()}, preset {arguments.preset}, batch {base.batch_size}")
    print(f"{'precision':<16}{'compiler':<12}{'ms a step':>10}{'ratio':>8}")
    for mixed, jit in settings:
        seconds = seconds_per_step(base.replace(mixed_precision=mixed, xla=jit), arguments.steps)
        first = first or seconds
        names = ("mixed_bfloat16" if mixed else "float32", "xla" if jit else "default")
        print(f"{names[0]:<16}{names[1]:<12}{1000 * seconds:>10.1f}{seconds / first:>8.2f}")


if __name__ == "__main__":
    main()
