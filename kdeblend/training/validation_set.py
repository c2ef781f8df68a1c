"""The fixed blends on which training is validated."""

import numpy as np

from kdeblend.data.layers import layers_of
from kdeblend.data.sequence import BlendSequence

BATCH = 32


def make_validation_set(source, indices, blends, **options):
    """Blend withheld galaxies, the same ones in every run with this source.

    Args:
        source: A `GalaxySource`.
        indices: Numbers of the withheld galaxies.
        blends: How many blends to make.
        **options: Further arguments of `BlendSequence`, such as `blend_mode`.

    Returns:
        Blends `(n, height, width, bands)` and layers `(n, 2, height, width, bands)`,
        float32 in [0, 1].
    """
    batches = -(-blends // BATCH)
    sequence = BlendSequence(
        source, indices, batch_size=BATCH, batches=batches, augment=False, **options
    )
    pairs = [sequence[i] for i in range(batches)]
    blend = np.concatenate([blend for blend, _ in pairs])
    layers = np.concatenate([layers_of(images) for _, images in pairs])
    return blend[:blends], layers[:blends]
