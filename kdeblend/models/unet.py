"""A branched U-Net: one encoder, a decoder per galaxy, fast enough for a CPU."""

import keras
from keras import layers, ops

from kdeblend.models.heads import head_class


def build_unet(
    widths=(32, 64, 128),
    blocks=2,
    space_to_depth=2,
    bands=3,
    head="visible",
    blend_mode="max",
    name="generator",
):
    """Build the branched U-Net; it takes images of any size.

    Args:
        widths: Channels at each scale, finest first; each scale halves the size.
        blocks: Residual blocks at each scale of the encoder and of each decoder.
        space_to_depth: Side of the squares of pixels that become channels
            before the first convolution; 1 works at full resolution throughout.
        bands: Bands of the images.
        head: `"visible"` or `"direct"`.
        blend_mode: Blend mode that the network is trained for.
        name: Name of the model.

    Returns:
        A `keras.Model` from blends `(n, height, width, bands)` in [0, 1] to
        two images of the same shape in [-1, 1]: the central galaxy, the other one.

    Raises:
        ValueError: If `widths` is empty, a number is not positive,
            or `head` or `blend_mode` is unknown.

    Example:
        >>> generator = build_unet(widths=(16, 32), space_to_depth=2)
        >>> first, second = generator(blends)

    Reference:
        [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """
    widths = tuple(widths)
    _check(widths, blocks, space_to_depth, bands)
    head_layer = head_class(head)(blend_mode, name="head", dtype="float32")
    multiple = space_to_depth * 2 ** (len(widths) - 1)
    channels = head_layer.channels_per_band * bands * space_to_depth**2

    blend = keras.Input((None, None, bands), name="blend")
    x = PadToMultiple(multiple, name="pad")(blend)
    if space_to_depth > 1:
        x = ops.space_to_depth(x, space_to_depth)
    skips = _encoder(x, widths, blocks)
    branches = []
    for galaxy in (1, 2):
        y = _decoder(skips, widths, blocks, channels, f"branch_{galaxy}")
        if space_to_depth > 1:
            y = ops.depth_to_space(y, space_to_depth)
        branches.append(CropLike(name=f"branch_{galaxy}_crop")([y, blend]))
    return keras.Model(blend, head_layer([blend, *branches]), name=name)


@keras.saving.register_keras_serializable(package="kdeblend")
class PadToMultiple(keras.layers.Layer):
    """Pad the lower and right edges with zeros until both sides are multiples of a number.

    Args:
        multiple: The number.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, multiple, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, images):
        """Return `images`, `(n, height, width, channels)`, padded."""
        _, height, width, _ = ops.shape(images)
        lower, right = -height % self.multiple, -width % self.multiple
        return ops.pad(images, [(0, 0), (0, lower), (0, right), (0, 0)])

    def compute_output_shape(self, input_shape):
        """Return the padded shape; sides that are not known stay so."""
        count, *sides, channels = input_shape
        sides = [None if side is None else side + -side % self.multiple for side in sides]
        return (count, *sides, channels)

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(package="kdeblend")
class CropLike(keras.layers.Layer):
    """Cut the first input at the lower and right edges to the size of the second."""

    def call(self, inputs):
        """Return the first of `inputs`, `(n, height, width, channels)`, cropped."""
        images, reference = inputs
        _, height, width, _ = ops.shape(reference)
        return images[:, :height, :width, :]

    def compute_output_shape(self, input_shape):
        """Return the size of the second input with the channels of the first."""
        images, reference = input_shape
        return (*tuple(reference)[:3], images[3])


def _encoder(x, widths, blocks):
    skips = []
    for scale, width in enumerate(widths):
        stride = 1 if scale == 0 else 2
        x = _conv(width, f"encoder_{scale}_conv", stride)(x)
        x = _blocks(x, width, blocks, f"encoder_{scale}")
        skips.append(x)
    return skips


def _decoder(skips, widths, blocks, channels, name):
    x = _blocks(skips[-1], widths[-1], blocks, f"{name}_{len(widths) - 1}")
    for scale in reversed(range(len(widths) - 1)):
        x = _conv(4 * widths[scale], f"{name}_{scale}_up")(x)
        x = ops.depth_to_space(x, 2)
        x = layers.Concatenate(name=f"{name}_{scale}_skip")([x, skips[scale]])
        x = _conv(widths[scale], f"{name}_{scale}_merge")(x)
        x = _blocks(x, widths[scale], blocks, f"{name}_{scale}")
    return _conv(channels, f"{name}_conv")(x)


def _blocks(x, width, blocks, name):
    for i in range(blocks):
        x = _residual_block(x, width, f"{name}_block_{i + 1}")
    return x


def _residual_block(x, width, name):
    """Add to `x` two convolutions of it; the second starts at zero, so no norm is needed."""
    y = layers.ReLU(name=f"{name}_relu_1")(x)
    y = _conv(width, f"{name}_conv_1")(y)
    y = layers.ReLU(name=f"{name}_relu_2")(y)
    y = _conv(width, f"{name}_conv_2", kernel_initializer="zeros")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _conv(filters, name, strides=1, kernel_initializer="he_normal"):
    return layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        kernel_initializer=kernel_initializer,
        name=name,
    )


def _check(widths, blocks, space_to_depth, bands):
    if not widths or min(widths) < 1:
        raise ValueError(f"`widths` must be positive, one or more. Received: widths={widths}")
    if blocks < 0 or space_to_depth < 1 or bands < 1:
        raise ValueError(
            "`space_to_depth` and `bands` must be positive, `blocks` not negative. Received: "
            f"space_to_depth={space_to_depth}, bands={bands}, blocks={blocks}"
        )
