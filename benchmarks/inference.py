"""Time deblending against batch size, on the chosen backend.

    KERAS_BACKEND=jax python benchmarks/inference.py --preset quick --batch-sizes 1 8 32

Random stamps and untrained weights: the time does not depend on either. The median of
several batches after a warm-up is taken; the last column is the first row's time over
this row's.
"""

import argparse
import time

import keras
import numpy as np

from kdeblend.backend import describe_device
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.training.config import preset_config
from kdeblend.training.networks import build_config_generator
from kdeblend.training.recipes import PRESETS

WARM_UP = 2


def seconds_per_stamp(generator, batch_size, repeats, size):
    """Return the median seconds per stamp of `repeats` batches."""
    deblender = NetworkDeblender(generator, batch_size=batch_size)
    blends = np.random.default_rng(0).random((batch_size, size, size, 3), np.float32)
    times = []
    for _ in range(WARM_UP + repeats):
        start = time.perf_counter()
        deblender.deblend_batch(blends)
        times.append(time.perf_counter() - start)
    return float(np.median(times[WARM_UP:])) / batch_size


def main():
    """Print a table of milliseconds a stamp."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="quick")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    config = preset_config(arguments.preset)
    generator = build_config_generator(config, bands=3)
    print(f"Keras {keras.__version__} on {describe_device()}")
    print(
        f"{config.generator} of preset {arguments.preset}, {generator.count_params():,} weights, "
        f"{config.stamp_size} x {config.stamp_size} pixels"
    )
    print(f"{'batch size':<12}{'ms a stamp':>12}{'speed-up':>10}")
    first = None
    for batch_size in arguments.batch_sizes:
        seconds = seconds_per_stamp(generator, batch_size, arguments.repeats, config.stamp_size)
        first = first or seconds
        print(f"{batch_size:<12}{1000 * seconds:>12.2f}{first / seconds:>10.2f}")


if __name__ == "__main__":
    main()
