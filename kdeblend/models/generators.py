"""Generator families by name: the plugins of the group `kdeblend.generators`."""

import os
import re
from typing import Any

from kdeblend.plugins import Registry

# How Keras says in a page of text that a saved object is of a class it does not know.
UNKNOWN_CLASS = re.compile(r"Could not (?:locate|deserialize) \w+ '([^']+)'")

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

    Raises:
        ImportError: If a class that the network is made of is not there.
    """
    import keras

    list(GENERATORS.importable())  # importing them makes Keras know their layers
    try:
        return keras.saving.load_model(path, compile=False)
    except TypeError as error:
        unknown = UNKNOWN_CLASS.search(str(error))
        if unknown is None:
            raise
        raise ImportError(
            f"the network needs {unknown[1]!r}, which is not there; probably the package that it "
            "comes from is not installed"
        ) from error
