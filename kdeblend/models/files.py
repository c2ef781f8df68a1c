"""Generators in `.keras` files that say how they were built and what they have learnt from."""

import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kdeblend.io.errors import is_out_of_memory
from kdeblend.models.generators import GENERATORS

FACTS = ("generator", "generator_options", "stamp_size", "blend_mode")
"""The hyper-parameters of its training that a file keeps."""
ENTRY = "kdeblend.json"
# How Keras says in a page of text that a saved object is of a class it does not know.
UNKNOWN_CLASS = re.compile(r"Could not (?:locate|deserialize) \w+ '([^']+)'")


def save_generator(
    generator: Any, path: str | os.PathLike, facts: Mapping[str, Any], step: int | None = None
) -> None:
    """Save a generator, with what is known of its training, as a file that Keras can load, too.

    Args:
        generator: A `keras.Model`.
        path: The file; its name ends in `.keras`.
        facts: Values of the hyper-parameters `FACTS` by name, as far as they are known; others
            are left out.
        step: The step of the training after which the network was so.
    """
    generator.save(path)
    known = {name: facts[name] for name in FACTS if name in facts}
    known |= {} if step is None else {"step": step}
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(ENTRY, json.dumps(known))


def read_facts(path: str | os.PathLike) -> dict[str, Any]:
    """Return what a file says of the training of its generator, nothing if Keras alone made it.

    Args:
        path: A `.keras` file; one that is damaged says nothing.

    Returns:
        Values of hyper-parameters by name, and `step`, if it is known.
    """
    try:
        with zipfile.ZipFile(path) as file:
            facts = json.loads(file.read(ENTRY))
    except Exception:  # zipfile raises many kinds for a damaged file
        return {}
    return facts if isinstance(facts, dict) else {}


class DamagedNetworkError(ValueError):
    """Raised when a file that can be read holds no network that Keras can load."""


def load_generator(path: str | os.PathLike) -> Any:
    """Load a generator of any family.

    Args:
        path: A `.keras` file.

    Returns:
        The `keras.Model`, not compiled.

    Raises:
        DamagedNetworkError: If the file holds no network.
        OSError: If the file cannot be read.
        ImportError: If a class or a package that the network needs is not there.
    """
    import keras

    from kdeblend.models.heads import HEADS

    Path(path).read_bytes()  # what keeps it from being read is no damage
    for registry in (GENERATORS, HEADS):
        list(registry.importable())  # importing them makes Keras know their layers
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds for a damaged file
        if unknown := UNKNOWN_CLASS.search(str(error)):
            raise ImportError(
                f"the network needs {unknown[1]!r}, which is not there; probably the package that "
                "it comes from is not installed"
            ) from error
        if isinstance(error, ImportError) or is_out_of_memory(error):
            raise
        raise DamagedNetworkError(
            f"{path} must be the .keras file of a generator. Received: {error}"
        ) from error
