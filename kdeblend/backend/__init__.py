"""Everything that differs between Keras backends, and the only imports of them.

The rest of kdeblend is written in `keras.ops`. What cannot be is here: how a
loss becomes a gradient step, how several devices are used, and what a
computation runs on. `kdeblend.backend.base` says what that is; each backend has
a module of its own, of which the one that Keras runs on is imported.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

from kdeblend.backend.base import Backend

BACKEND = keras.backend.backend()

_own: Backend
if BACKEND == "tensorflow":
    from kdeblend.backend.tensorflow import TensorFlowBackend

    _own = TensorFlowBackend()
elif BACKEND == "jax":
    from kdeblend.backend.jax import JaxBackend

    _own = JaxBackend()
elif BACKEND == "torch":
    from kdeblend.backend.torch import TorchBackend

    _own = TorchBackend()
else:
    raise ImportError(
        "kdeblend runs on the Keras backends tensorflow, jax and torch: set KERAS_BACKEND to one "
        f"of them. Received: {BACKEND!r}"
    )

normalize_batch = _own.normalize_batch
prelu = _own.prelu
enable_determinism = _own.enable_determinism
prepare_determinism = _own.prepare_determinism
distribution = _own.distribution
describe_device = _own.describe_device
gpu_memory = _own.gpu_memory

Objective = Callable[[], tuple[Any, Any]]


class GradientModel(_own.model):  # type: ignore[name-defined]
    """A `keras.Model` whose training step is one backend-free `update(data)`.

    Subclasses write `update`, in `keras.ops`, and call `minimize` in it as
    often as there are networks to train. `train_step` runs it on TensorFlow,
    JAX and PyTorch alike.
    """

    def update(self, data: Any) -> dict[str, Any]:
        """Train on one batch; return float32 scalars by name.

        Args:
            data: One batch as `fit` hands it over.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `update(data)`.")

    def minimize(self, objective: Objective, variables: Sequence[Any], optimizer: Any) -> Any:
        """Take one step of `optimizer` down the gradient of `objective`.

        Args:
            objective: Function of no arguments that returns `(loss, results)`;
                `loss` is a scalar, `results` any structure of tensors.
            variables: The Keras variables to differentiate by and to update.
            optimizer: A Keras optimizer built on these variables.

        Returns:
            `(results, gradient_norm)`.
        """
        return super().minimize(objective, variables, optimizer)


@contextlib.contextmanager
def held_if(condition: Any, variables: Sequence[Any]) -> Iterator[None]:
    """Undo what the block does to `variables` if the boolean tensor `condition` is true.

    Unlike a Python `if`, this can be decided at every step of a compiled graph.
    """
    before = [ops.copy(ops.convert_to_tensor(v)) for v in variables]
    yield
    for variable, value in zip(variables, before, strict=True):
        variable.assign(ops.where(condition, value, ops.convert_to_tensor(variable)))
