"""What kdeblend asks of a backend; in `keras.ops` where that is as quick."""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
from keras import ops


class Backend(ABC):
    """One backend of Keras.

    Attributes:
        model: A sub-class of `keras.Model` with the methods `train_step`, which calls
            `update`, and `minimize` of `kdeblend.backend.GradientModel`.
    """

    model: type[keras.Model]

    def normalize_batch(
        self, images: Any, scale: Any, offset: Any, epsilon: float
    ) -> tuple[Any, Any, Any]:
        """Give each channel of a batch of images the same mean and variance.

        Args:
            images: Tensor `(n, height, width, channels)`, in the precision of the computation.
            scale: Standard deviation of each channel afterwards, `(channels,)`.
            offset: Mean of each channel afterwards, `(channels,)`.
            epsilon: Added to the variance.

        Returns:
            The normalised images, and the mean and the variance of each channel before, float32.
        """
        scale, offset = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (scale, offset))
        precise = ops.cast(images, "float32")
        mean, variance = ops.moments(precise, axes=(0, 1, 2))
        normal = ops.batch_normalization(precise, mean, variance, -1, offset, scale, epsilon)
        return ops.cast(normal, images.dtype), mean, variance

    def prelu(self, images: Any, slope: Any) -> Any:
        """Return `images` where positive, `slope * images` elsewhere.

        Args:
            images: Tensor `(n, height, width, channels)`.
            slope: One number per channel, such as `(1, 1, channels)`.
        """
        slope = ops.cast(ops.convert_to_tensor(slope), images.dtype)
        return ops.where(images > 0, images, slope * images)

    @abstractmethod
    def enable_determinism(self) -> None:
        """Make every operation give the same result each time, at some cost in speed."""

    @abstractmethod
    def prepare_determinism(self) -> None:
        """Let the backend know of `enable_determinism` before it starts.

        JAX and CUDA start with the first computation.
        """

    @contextlib.contextmanager
    def distribution(self, devices: Sequence[str]) -> Iterator[None]:
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
            self._check_devices(devices)
            with keras.device(devices[0]):
                yield
        else:
            cpus = sum(device.startswith("cpu:") for device in devices)
            if cpus > 1:
                self.split_cpu(cpus)
            self._check_devices(devices)
            with self.data_parallel(devices):
                yield

    def _check_devices(self, devices: Sequence[str]) -> None:
        kinds = {"cpu", *(device.split(":")[0] for device in devices)}
        existing = [each for kind in sorted(kinds) for each in self.list_devices(kind)]
        missing = [device for device in devices if device not in existing]
        if missing:
            raise ValueError(f"`devices` must be among {existing}. Received: {missing}")

    @abstractmethod
    def list_devices(self, kind: str) -> list[str]:
        """Return the names of all devices of a kind.

        Args:
            kind: `"cpu"` or `"gpu"`.
        """

    @abstractmethod
    def split_cpu(self, count: int) -> None:
        """Make virtual devices of the CPU; one that has already computed something stays whole.

        Args:
            count: How many.
        """

    @abstractmethod
    def data_parallel(self, devices: Sequence[str]) -> AbstractContextManager[Any]:
        """Share every batch among several devices, which exist, inside a block.

        Raises:
            ValueError: If the backend can not share batches.
        """

    def describe_device(self) -> str:
        """Return what a computation runs on by default: names of GPUs, or that there is none."""
        return ", ".join(self.gpu_names()) or f"{os.cpu_count()} CPU cores, no GPU"

    @abstractmethod
    def gpu_names(self) -> list[str]:
        """Return what each GPU is called by its maker."""

    @abstractmethod
    def gpu_memory(self) -> list[int]:
        """Return how many bytes of each GPU the backend may use; this starts the backend."""


def global_norm(gradients: Sequence[Any]) -> Any:
    """Return the Euclidean norm of all gradients taken as one vector, a float32 scalar."""
    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients if g is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))
