"""Generator families by name: the plugins of the group `kdeblend.generators`."""

import logging
import os
from typing import Any

from kdeblend.plugins import Registry

logger = logging.getLogger("kdeblend")

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

    for name in GENERATORS:  # importing them makes Keras know their layers
        try:
            GENERATORS[name]
        except Exception as error:  # a package may raise anything
            logger.warning("left out the generator %s: %s", name, error)
    return keras.saving.load_model(path, compile=False)
