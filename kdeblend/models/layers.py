"""Layers of more than one network: quicker ones than Keras' own, and one that marks the centre."""

from typing import ClassVar

import keras
from keras import ops

from kdeblend.backend import normalize_batch, prelu

CENTRE_SCALE = 8
"""Distance from the centre, in pixels, at which `AddCentre`'s channel has fallen to a half."""


@keras.saving.register_keras_serializable(package="kdeblend")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of images, which trains faster than Keras' on TensorFlow.

    The statistics of a batch are float32 in every precision. Outside training it is Keras' layer.

    Args:
        **kwargs: Arguments of `keras.layers.BatchNormalization`, but for those in `FIXED`.

    Raises:
        ValueError: If one of those in `FIXED` is anything else.

    Reference:
        [Ioffe & Szegedy, 2015](https://arxiv.org/abs/1502.03167)
    """

    FIXED: ClassVar = {
        "axis": -1, "center": True, "scale": True, "renorm": False, "synchronized": False
    }  # fmt: skip

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        _check_fixed(self)

    def call(self, inputs, training=None):
        """Return images of the shape of `inputs`, `(n, height, width, channels)`."""
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        outputs, mean, variance = normalize_batch(inputs, self.gamma, self.beta, self.epsilon)
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
        return outputs


@keras.saving.register_keras_serializable(package="kdeblend")
class PReLU(keras.layers.PReLU):
    """`x` where it is positive, else `x` times a slope that is learned, one per channel.

    Args:
        **kwargs: Arguments of `keras.layers.PReLU`, but for `shared_axes`.

    Raises:
        ValueError: If `shared_axes` is anything but `[1, 2]`.

    Reference:
        [He et al., 2015](https://arxiv.org/abs/1502.01852)
    """

    FIXED: ClassVar = {"shared_axes": [1, 2]}

    def __init__(self, **kwargs):
        super().__init__(**{**self.FIXED, **kwargs})
        _check_fixed(self)

    def call(self, inputs):
        """Return images of the shape of `inputs`, `(n, height, width, channels)`."""
        return prelu(inputs, self.alpha)


@keras.saving.register_keras_serializable(package="kdeblend")
class AddCentre(keras.layers.Layer):
    """Append a channel that says how near a pixel is to the centre: 1 there, 0 far away.

    Which galaxy is at the centre is all that tells the two apart, and
    convolutions do not know where they are.
    """

    def call(self, images):
        """Return `images`, `(n, height, width, bands)`, with one channel more."""
        count, height, width, _ = ops.shape(images)
        rows, columns = self._offsets(height), self._offsets(width)
        distance = ops.sqrt(ops.square(rows)[:, None] + ops.square(columns)[None, :])
        near = ops.cast(1 / (1 + distance / CENTRE_SCALE), images.dtype)
        near = ops.broadcast_to(near[None, :, :, None], (count, height, width, 1))
        return ops.concatenate([images, near], axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the shape with one channel more."""
        return (*input_shape[:3], input_shape[3] + 1)

    @staticmethod
    def _offsets(side):
        return ops.arange(side, dtype="float32") - (ops.cast(side, "float32") - 1) / 2


def _check_fixed(layer):
    received = {name: getattr(layer, name) for name in layer.FIXED}
    if received != layer.FIXED:
        raise ValueError(
            f"The arguments of {type(layer).__name__} must be {layer.FIXED}. Received: {received}"
        )
