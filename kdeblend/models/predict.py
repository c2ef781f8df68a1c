"""From blends to layers with a generator, in plain NumPy arrays."""

import numpy as np

from kdeblend.data.layers import layers_of


def predict_layers(generator, blends, batch_size=32):
    """Run a generator on blends.

    Args:
        generator: Model from blends in [0, 1] to two images in [-1, 1].
        blends: Array `(n, height, width, bands)` in [0, 1].
        batch_size: Blends at a time.

    Returns:
        Layers, array `(n, 2, height, width, bands)`, float32 in [0, 1].
    """
    missing = -len(blends) % batch_size  # several devices share whole batches only
    padded = np.concatenate([blends, np.repeat(blends[-1:], missing, axis=0)])
    images = generator.predict(padded, batch_size=batch_size, verbose=0)
    return np.clip(layers_of(images)[: len(blends)], 0, 1)
