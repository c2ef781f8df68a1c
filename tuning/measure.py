"""What a network costs: parameters and milliseconds a stamp."""

import time

import keras
import numpy as np

from kdeblend.training.config import TrainingConfig

REPEATS = (3, 10)
"""Batches that are timed at least and at most, as many as there is time for."""
SECONDS = 2.0


def milliseconds_a_stamp(generator: keras.Model, config: TrainingConfig, bands: int) -> float:
    """Return the milliseconds that a generator takes for a stamp, in batches.

    The fastest of a few batches counts: other work on the machine disturbs it least.

    Args:
        generator: Model from blends to two images.
        config: Size of stamps and batches.
        bands: Bands of the images.
    """
    shape = (config.batch_size, config.stamp_size, config.stamp_size, bands)
    blends = np.random.default_rng(0).random(shape, np.float32)
    generator.predict_on_batch(blends)  # compiles
    times: list[float] = []
    while len(times) < REPEATS[0] or (len(times) < REPEATS[1] and sum(times) < SECONDS):
        start = time.perf_counter()
        generator.predict_on_batch(blends)
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / config.batch_size
