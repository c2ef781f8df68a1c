"""What is peculiar to TensorFlow."""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from kdeblend.backend.base import Backend, global_norm


class TensorFlowModel(keras.Model):
    """Takes gradients with a tape; several devices add theirs up."""

    def train_step(self, data):
        """Train on one batch."""
        return self.update(data)

    def minimize(self, objective, variables, optimizer):
        """Take one step down a gradient."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([v.value for v in variables])
            loss, results = objective()
            loss = loss / replicas
        gradients = tape.gradient(loss, [v.value for v in variables])
        optimizer.apply(gradients, variables)
        return results, global_norm(gradients) * replicas


class TensorFlowBackend(Backend):
    """Everything that is asked of TensorFlow."""

    model = TensorFlowModel

    def normalize_batch(self, images, scale, offset, epsilon):
        """Normalise in one pass over the images."""
        scale, offset = (ops.cast(ops.convert_to_tensor(v), "float32") for v in (scale, offset))
        normal, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            images, scale, offset, epsilon=epsilon, is_training=True
        )
        count = tf.cast(tf.size(images) / tf.size(mean), "float32")
        # What comes is divided by one less than the count, whatever TensorFlow's document says.
        return normal, mean, variance * (count - 1) / count

    def prelu(self, images, slope):
        """Return the images with a gradient of the slope that is quick."""
        return _prelu(images, ops.cast(ops.convert_to_tensor(slope), images.dtype))

    def enable_determinism(self):
        """Make every operation deterministic."""
        tf.config.experimental.enable_op_determinism()

    def prepare_determinism(self):
        """Do nothing: TensorFlow need not know so early."""

    def list_devices(self, kind):
        """Return the names of logical devices."""
        count = len(tf.config.list_logical_devices(kind.upper()))
        return [f"{kind}:{i}" for i in range(count)]

    def split_cpu(self, count):
        """Make logical devices of the CPU."""
        with contextlib.suppress(RuntimeError):
            cpu = tf.config.list_physical_devices("CPU")[0]
            options = [tf.config.LogicalDeviceConfiguration()] * count
            tf.config.set_logical_device_configuration(cpu, options)

    def data_parallel(self, devices):
        """Mirror the variables on all devices."""
        return tf.distribute.MirroredStrategy([f"/{device}" for device in devices]).scope()

    def gpu_names(self):
        """Return what each GPU is called by its maker."""
        gpus = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in gpus]

    def gpu_memory(self):
        """Return the limit that TensorFlow sets itself on each GPU, in bytes."""
        from tensorflow.python.client import device_lib

        devices = device_lib.list_local_devices()
        return [each.memory_limit for each in devices if each.device_type == "GPU"]


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
