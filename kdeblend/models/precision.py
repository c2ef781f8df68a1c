"""Networks in another precision than they were made in."""

from collections.abc import Container
from typing import Any

import keras


def copy_in_precision(generator: Any, policy: str, but: Container[str] = ()) -> Any:
    """Return a copy of a network with the same weights that computes in another precision.

    Args:
        generator: A functional `keras.Model`.
        policy: Dtype policy of Keras: `"float32"` or `"mixed_bfloat16"`.
        but: Names of layers that keep theirs.
    """

    def convert(operation: Any) -> Any:
        config = operation.get_config()
        if isinstance(operation, keras.layers.Layer) and operation.name not in but:
            config["dtype"] = policy
        return type(operation).from_config(config)

    copy = keras.models.clone_model(generator, clone_function=convert, recursive=True)
    copy.set_weights(generator.get_weights())
    return copy
