"""The last layer of every generator: from two branches' features to two galaxy images."""

from typing import ClassVar

import keras
from keras import ops

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.plugins import Registry

HEADS = Registry(
    "kdeblend.heads",
    "`head`",
    {
        "direct": "kdeblend.models.heads:DirectHead",
        "visible": "kdeblend.models.heads:VisibleHead",
    },
)


class Head(keras.layers.Layer):
    """Base of the heads: `[blend, first, second] -> (first, second)`.

    A head knows the blend mode that its network is trained for, because that
    decides how layers may be made consistent with the blend afterwards.

    Args:
        blend_mode: Name of the blend mode; it need not be there where the network is used.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    channels_per_band = 1
    consistent_modes: ClassVar[tuple[str, ...]] = ()
    """Blend modes that, once trained for, the layers agree with wherever the head is sure."""

    def __init__(self, blend_mode="max", **kwargs):
        super().__init__(**kwargs)
        self.blend_mode = blend_mode

    def initializer(self):
        """Return an initializer for the kernel of a convolution that leads to this head."""
        return keras.initializers.GlorotUniform()

    def compute_output_shape(self, input_shape):
        """Return the shape of the blend, once per galaxy."""
        return (tuple(input_shape[0]), tuple(input_shape[0]))

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), "blend_mode": self.blend_mode}


@keras.saving.register_keras_serializable(package="kdeblend")
class DirectHead(Head):
    """Each branch's features through tanh: the paper's images in [-1, 1].

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.1
    """

    def call(self, inputs):
        """Return two images `(n, height, width, bands)` in [-1, 1].

        Args:
            inputs: `[blend, first, second]`; each branch has one channel a band.
        """
        _, first, second = inputs
        return ops.tanh(first), ops.tanh(second)


@keras.saving.register_keras_serializable(package="kdeblend")
class VisibleHead(Head):
    """How visible each galaxy is, per pixel and band, and what lies behind the other.

    With `v` the visibility of the first galaxy (that of the second is `1 - v`)
    and `h` the hidden flux of a galaxy as a fraction of the blend,

        first  = blend * (v + (1 - v) * h_first)
        second = blend * ((1 - v) + v * h_second)

    so that no layer exceeds the blend, and where a galaxy is fully visible it
    equals the blend, as in a blend by pixelwise maximum.
    """

    channels_per_band = 2
    consistent_modes: ClassVar[tuple[str, ...]] = ("max",)

    def initializer(self):
        """Return one of small weights, which keep the sigmoids where they have a slope."""
        return keras.initializers.VarianceScaling(0.01)

    def call(self, inputs):
        """Return two images `(n, height, width, bands)` in [-1, 1].

        Args:
            inputs: `[blend, first, second]`; each branch has two channels a
                band, first all visibilities, then all hidden fractions.
        """
        blend, first, second = inputs
        first_visible, first_hidden = ops.split(first, 2, axis=-1)
        second_visible, second_hidden = ops.split(second, 2, axis=-1)
        visible = ops.sigmoid(first_visible - second_visible)
        hidden = 1 - visible
        first = blend * (visible + hidden * ops.sigmoid(first_hidden))
        second = blend * (hidden + visible * ops.sigmoid(second_hidden))
        return 2 * first - 1, 2 * second - 1


def make_head(name, blend_mode):
    """Return a new last layer for a generator.

    Args:
        name: Name of a registered head.
        blend_mode: Name of a registered blend mode.

    Returns:
        A `Head`, called `head`; its `channels_per_band` tells what a branch must deliver.

    Raises:
        ValueError: If there is no such head or blend mode.
    """
    BLEND_MODES[blend_mode]
    return HEADS[name](blend_mode, name="head", dtype="float32")
