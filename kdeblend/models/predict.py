"""From blends to layers with a generator, in plain NumPy arrays."""

import numpy as np


def predict_layers(generator, blends, batch_size=32):
    """Run a generator on blends.

    Args:
        generator: Model from blends in [0, 1] to two images in [-1, 1].
        blends: Array `(n, height, width, bands)` in [0, 1].
        batch_size: Blends at a time.

    Returns:
        Layers, array `(n, 2, height, width, bands)`, float32 in [0, 1].
    """
    batches = [
        np.stack(generator.predict_on_batch(blends[start : start + batch_size]), axis=1)
        for start in range(0, len(blends), batch_size)
    ]
    return np.clip((np.concatenate(batches).astype(np.float32) + 1) / 2, 0, 1)
