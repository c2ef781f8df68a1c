"""Time kdeblend's own layers against those of Keras that compute the same, as ratios.

    python benchmarks/layers.py --precision mixed_bfloat16

A row is the median time of a training step of several such layers in a row, on random images,
divided by their number; the last column is the time of Keras' over that of kdeblend's, the median
over pairs of runs.
"""

import argparse
import time

import keras
import numpy as np

from kdeblend.backend import describe_device
from kdeblend.models.layers import BatchNormalization, PReLU

LAYERS = {
    "batch normalisation": (BatchNormalization, keras.layers.BatchNormalization),
    "PReLU": (PReLU, lambda: keras.layers.PReLU(shared_axes=[1, 2])),
}
WARM_UP = 2


def stepper(make, images, count):
    """Return a function that takes one training step of `count` layers and tells its seconds."""
    model = keras.Sequential([keras.Input(images.shape[1:]), *(make() for _ in range(count))])
    model.compile("sgd", "mse", jit_compile=keras.backend.backend() == "jax")

    def seconds():
        start = time.perf_counter()
        model.train_on_batch(images, images)
        return time.perf_counter() - start

    return seconds


def main():
    """Print a table of milliseconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--precision", choices=["float32", "mixed_bfloat16"], default="mixed_bfloat16"
    )
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--layers", type=int, default=8, help="how many in a row")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    keras.config.set_dtype_policy(arguments.precision)
    shape = (arguments.batch_size, 80, 80, arguments.channels)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    print(f"Keras {keras.__version__} on {describe_device()}, {arguments.precision}, {shape}")
    print(f"{'layer':<22}{'kdeblend, ms':>14}{'Keras, ms':>12}{'ratio':>8}")
    for name, kinds in LAYERS.items():
        steps = [stepper(kind, images, arguments.layers) for kind in kinds]
        times = np.array(
            [[step() for step in steps] for _ in range(WARM_UP + arguments.runs)][WARM_UP:]
        )
        ours, theirs = 1000 * np.median(times, axis=0) / arguments.layers
        ratio = np.median(times[:, 1] / times[:, 0])
        print(f"{name:<22}{ours:>14.1f}{theirs:>12.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
