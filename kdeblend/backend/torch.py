"""What is peculiar to PyTorch."""

import os

import keras
import torch

from kdeblend.backend.base import Backend, global_norm


class TorchModel(keras.Model):
    """Takes gradients with autograd."""

    def train_step(self, data):
        """Train on one batch."""
        return self.update(data)

    def minimize(self, objective, variables, optimizer):
        """Take one step down a gradient."""
        loss, results = objective()
        gradients = torch.autograd.grad(loss, [v.value for v in variables], allow_unused=True)
        with torch.no_grad():
            optimizer.apply(gradients, variables)
            return results, global_norm(gradients)


class TorchBackend(Backend):
    """Everything that is asked of PyTorch."""

    model = TorchModel

    def enable_determinism(self):
        """Make every operation deterministic."""
        torch.use_deterministic_algorithms(True)
        self.prepare_determinism()

    def prepare_determinism(self):
        """Set what PyTorch asks for before CUDA starts."""
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

    def list_devices(self, kind):
        """Return the names of GPUs, or of the CPU."""
        count = torch.cuda.device_count() if kind == "gpu" else int(kind == "cpu")
        return [f"{kind}:{i}" for i in range(count)]

    def split_cpu(self, count):
        """Do nothing: the CPU stays one device."""

    def data_parallel(self, devices):
        """Refuse: Keras shares no batches on PyTorch."""
        raise ValueError(
            "Several devices need the backend tensorflow or jax (KERAS_BACKEND). "
            f"Received: devices={list(devices)} with torch"
        )

    def gpu_names(self):
        """Return what each GPU is called by its maker."""
        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]

    def gpu_memory(self):
        """Return the memory of each GPU, in bytes."""
        count = torch.cuda.device_count()
        return [torch.cuda.get_device_properties(i).total_memory for i in range(count)]
