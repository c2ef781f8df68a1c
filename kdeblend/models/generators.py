"""Generator families by name: the plugins of the group `kdeblend.generators`."""

import os
from typing import Any

from kdeblend.plugins import Registry

GENERATORS = Registry(
    "kdeblend.generators",
    "generator",
    {
        "resnet": "kdeblend.models.resnet:build_generator",
        "unet": "kdeblend.models.unet:build_unet",
    },
)


def load_generator(path: str | os.PathLike) -> Any:
    """Load a generator of any family.

    Args:
        path: A `.keras` file.

    Returns:
        The `keras.Model`, not compiled. Keras raises errors of many kinds for a damaged file.
    """
    import keras

    list(GENERATORS.values())  # importing them makes Keras know their layers
    return keras.saving.load_model(path, compile=False)
