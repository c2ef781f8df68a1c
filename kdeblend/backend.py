"""Everything that differs between Keras backends, and the only imports of them.

The rest of kdeblend is written in `keras.ops`. What cannot be is here: how a
loss becomes a gradient step, how several devices are used, and what a
computation runs on.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

BACKEND = keras.backend.backend()

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch
else:
    raise ImportError(
        "kdeblend runs on the Keras backends tensorflow, jax and torch: set KERAS_BACKEND to one "
        f"of them. Received: {BACKEND!r}"
    )

DETERMINISTIC_XLA = "--xla_gpu_deterministic_ops=true"

Objective = Callable[[], tuple[Any, Any]]


def global_norm(gradients: Sequence[Any]) -> Any:
    """Return the Euclidean norm of all gradients taken as one vector, a float32 scalar."""
    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def normalize_batch(images: Any, scale: Any, offset: Any, epsilon: float) -> tuple[Any, Any, Any]:
    """Give each channel of a batch of images the same mean and variance.

    Args:
        images: Tensor `(n, height, width, channels)`, in the precision of the computation.
        scale: Standard deviation of each channel afterwards, float32 `(channels,)`.
        offset: Mean of each channel afterwards, float32 `(channels,)`.
        epsilon: Added to the variance.

    Returns:
        The normalised images, and the mean and the variance of each channel before, float32.
    """
    scale, offset = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (scale, offset))
    if BACKEND == "tensorflow":
        normal, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            images, scale, offset, epsilon=epsilon, is_training=True
        )
        count = tf.cast(tf.size(images) / tf.size(mean), "float32")
        # What comes is divided by one less than the count, whatever TensorFlow's document says.
        return normal, mean, variance * (count - 1) / count
    precise = ops.cast(images, "float32")
    mean, variance = ops.moments(precise, axes=(0, 1, 2))
    normal = ops.batch_normalization(precise, mean, variance, -1, offset, scale, epsilon)
    return ops.cast(normal, images.dtype), mean, variance


def prelu(images: Any, slope: Any) -> Any:
    """Return `images` where positive, `slope * images` elsewhere.

    Args:
        images: Tensor `(n, height, width, channels)`.
        slope: Tensor of the same type that has one number per channel, such as `(1, 1, channels)`.
    """
    slope = ops.cast(ops.convert_to_tensor(slope), images.dtype)
    if BACKEND == "tensorflow":
        return _prelu(images, slope)
    return ops.where(images > 0, images, slope * images)


if BACKEND == "tensorflow":

    @tf.custom_gradient
    def _prelu(images, slope):
        """Have a matrix product sum up the gradient of the slope, quicker than a reduction."""

        def gradient(upstream):
            negative = tf.minimum(images, tf.zeros((), images.dtype))
            rows = [tf.reshape(each, (-1, tf.size(slope))) for each in (negative, upstream)]
            products = tf.linalg.diag_part(tf.matmul(*rows, transpose_a=True))
            return (
                tf.where(images > 0, upstream, slope * upstream),
                tf.reshape(products, tf.shape(slope)),
            )

        return tf.where(images > 0, images, slope * images), gradient


class _TensorFlowModel(keras.Model):
    def train_step(self, data):
        return self.update(data)

    def minimize(self, objective, variables, optimizer):
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            loss, results = objective()
            loss = loss / replicas
        gradients = tape.gradient(loss, [v.value for v in variables])
        optimizer.apply(gradients, variables)
        return results, global_norm(gradients) * replicas


class _TorchModel(keras.Model):
    def train_step(self, data):
        return self.update(data)

    def minimize(self, objective, variables, optimizer):
        loss, results = objective()
        gradients = torch.autograd.grad(loss, [v.value for v in variables], allow_unused=True)
        with torch.no_grad():
            optimizer.apply(gradients, variables)
            return results, global_norm(gradients)


class _JaxModel(keras.Model):
    def train_step(self, state, data):
        groups = self._state_variables()
        mapping = [
            pair
            for group, values in zip(groups, state, strict=True)
            for pair in zip(group, values, strict=True)
        ]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            logs = self.update(data)
        return logs, tuple([_current(scope, v) for v in group] for group in groups)

    def minimize(self, objective, variables, optimizer):
        state = [v for group in self._state_variables() for v in group]
        outer = {id(v): v.value for v in state}

        def loss_of(values):
            mapping = [(v, outer[id(v)]) for v in state]
            mapping += list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                loss, results = objective()
            return loss, (results, [_current(scope, v) for v in state])

        values = [outer[id(v)] for v in variables]
        (_, (results, new_state)), gradients = jax.value_and_grad(loss_of, has_aux=True)(values)
        for variable, value in zip(state, new_state, strict=True):
            if value is not outer[id(variable)]:
                variable.assign(value)
        optimizer.apply(gradients, variables)
        return results, global_norm(gradients)

    def _state_variables(self):
        return (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )


def _current(scope, variable):
    value = scope.get_current_value(variable)
    return variable.value if value is None else value


_Base = {"tensorflow": _TensorFlowModel, "torch": _TorchModel, "jax": _JaxModel}[BACKEND]


class GradientModel(_Base):  # type: ignore[misc, valid-type]
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


def enable_determinism() -> None:
    """Make every operation give the same result each time, at some cost in speed."""
    if BACKEND == "tensorflow":
        tf.config.experimental.enable_op_determinism()
    elif BACKEND == "torch":
        torch.use_deterministic_algorithms(True)
    prepare_determinism()


def prepare_determinism() -> None:
    """Let JAX and CUDA know of `enable_determinism` before they start, with the first computation.

    TensorFlow need not know so early.
    """
    if BACKEND == "torch":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch asks for it
    if BACKEND == "jax":
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, DETERMINISTIC_XLA]))


@contextlib.contextmanager
def distribution(devices: Sequence[str]) -> Iterator[None]:
    """Share every batch among several devices inside the block.

    Args:
        devices: Names such as `"gpu:0"`; none or one uses no distribution, only
            that device. Several `"cpu:N"` become virtual devices of one CPU.

    Raises:
        ValueError: If a device does not exist, or the backend can not share batches.
    """
    if not devices:
        yield
    elif len(devices) == 1:
        _check_devices(devices)
        with keras.device(devices[0]):
            yield
    else:
        _make_virtual_cpus(devices)
        _check_devices(devices)
        with _data_parallel(devices):
            yield


def _check_devices(devices: Sequence[str]) -> None:
    kinds = {device.split(":")[0] for device in devices}
    existing = [each for kind in sorted(kinds) for each in _list_devices(kind)]
    missing = [device for device in devices if device not in existing]
    if missing:
        raise ValueError(
            f"`devices` must be among {existing or 'none of that kind'}. Received: {missing}"
        )


def _list_devices(kind: str) -> list[str]:
    if BACKEND == "torch":
        count = torch.cuda.device_count() if kind == "gpu" else int(kind == "cpu")
        return [f"{kind}:{i}" for i in range(count)]
    if BACKEND == "tensorflow":
        count = len(tf.config.list_logical_devices(kind.upper()))
        return [f"{kind}:{i}" for i in range(count)]
    try:
        return [f"{kind}:{device.id}" for device in jax.devices(kind)]
    except RuntimeError:
        return []


def _make_virtual_cpus(devices: Sequence[str]) -> None:
    """Split the CPU; a process that has already computed something keeps the CPUs it has."""
    count = sum(device.startswith("cpu:") for device in devices)
    if count < 2:
        return
    with contextlib.suppress(RuntimeError):
        if BACKEND == "jax":
            jax.config.update("jax_num_cpu_devices", count)
        elif BACKEND == "tensorflow":
            cpu = tf.config.list_physical_devices("CPU")[0]
            options = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(cpu, options)


@contextlib.contextmanager
def _data_parallel(devices: Sequence[str]) -> Iterator[None]:
    if BACKEND == "tensorflow":
        names = [f"/{device}" for device in devices]
        with tf.distribute.MirroredStrategy(names).scope():
            yield
    elif BACKEND == "jax":
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=list(devices)))
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)
    else:
        raise ValueError(
            "Several devices need the backend tensorflow or jax (KERAS_BACKEND). "
            f"Received: devices={list(devices)} with torch"
        )


def describe_device() -> str:
    """Return what a computation runs on by default: names of GPUs, or that there is none."""
    if BACKEND == "tensorflow":
        gpus = tf.config.list_physical_devices("GPU")
        names = [tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in gpus]
    elif BACKEND == "jax":
        names = [each.device_kind for each in jax.devices() if each.platform != "cpu"]
    else:
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or f"{os.cpu_count()} CPU cores, no GPU"


def gpu_memory() -> list[int]:
    """Return how many bytes of each GPU the backend may use; this starts the backend."""
    if BACKEND == "tensorflow":
        from tensorflow.python.client import device_lib

        devices = device_lib.list_local_devices()
        return [each.memory_limit for each in devices if each.device_type == "GPU"]
    if BACKEND == "jax":
        gpus = [each for each in jax.devices() if each.platform != "cpu"]
        return [(each.memory_stats() or {}).get("bytes_limit", 0) for each in gpus]
    count = torch.cuda.device_count()
    return [torch.cuda.get_device_properties(i).total_memory for i in range(count)]
