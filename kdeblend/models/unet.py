"""A branched U-Net: one encoder, a decoder per galaxy or for both, fast enough for a CPU."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from kdeblend.models.heads import make_head
from kdeblend.models.layers import AddCentre


def build_unet(
    widths=(32, 64, 128),
    blocks=2,
    space_to_depth=2,
    decoders=2,
    decoder_blocks=None,
    bands=3,
    head="visible",
    blend_mode="max",
    name="generator",
):
    """Build the branched U-Net; it takes images of any size.

    Args:
        widths: Channels at each scale, finest first; each scale halves the size.
        blocks: Residual blocks of the encoder and of each decoder, one number
            for all scales or one for each.
        space_to_depth: Side of the squares of pixels that become channels
            before the first convolution; 1 works at full resolution.
        decoders: 2 for one per galaxy; with 1 the branches part only at their
            last convolution, which is quicker.
        decoder_blocks: Those of each decoder, where they differ from those of the encoder.
        bands: Bands of the images.
        head: `"visible"` or `"direct"`.
        blend_mode: Blend mode that the network is trained for.
        name: Name of the model.

    Returns:
        A `keras.Model` from blends `(n, height, width, bands)` in [0, 1] to
        two images of the same shape in [-1, 1]: the central galaxy, the other one.

    Raises:
        ValueError: If `widths` is empty, `blocks` or `decoder_blocks` does not fit it,
            a number is too small, or `head` or `blend_mode` is unknown.

    Example:
        >>> generator = build_unet(widths=(16, 32), blocks=(1, 2))
        >>> first, second = generator(blends)

    Reference:
        [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """
    widths = tuple(widths)
    blocks = _one_for_each("blocks", blocks, widths)
    if decoder_blocks is None:
        decoder_blocks = blocks
    decoder_blocks = _one_for_each("decoder_blocks", decoder_blocks, widths)
    _check(space_to_depth, decoders, bands)
    head_layer = make_head(head, blend_mode)
    multiple = space_to_depth * 2 ** (len(widths) - 1)
    channels = head_layer.channels_per_band * bands * space_to_depth**2

    blend = keras.Input((None, None, bands), name="blend")
    x = AddCentre(name="centre")(blend)
    x = PadToMultiple(multiple, name="pad")(x)
    if space_to_depth > 1:
        x = ops.space_to_depth(x, space_to_depth)
    skips = _encoder(x, widths, blocks)
    names = ["branch_1", "branch_2"] if decoders == 2 else ["branches"]
    decoded = [_decoder(skips, widths, decoder_blocks, each) for each in names]
    branches = []
    for galaxy, x in zip((1, 2), decoded * (2 // decoders), strict=True):
        initializer = head_layer.initializer()
        y = _conv(channels, f"branch_{galaxy}_conv", kernel_initializer=initializer)(x)
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
    for scale, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if scale == 0:
            x = _conv(width, f"encoder_{scale}_conv")(x)
        else:
            x = ops.space_to_depth(x, 2)
            x = _conv(width, f"encoder_{scale}_conv", kernel_size=1)(x)
        x = _blocks(x, width, count, f"encoder_{scale}")
        skips.append(x)
    return skips


def _decoder(skips, widths, blocks, name):
    *finer, (scale, (x, width, count)) = enumerate(zip(skips, widths, blocks, strict=True))
    x = _blocks(x, width, count, f"{name}_{scale}")
    for scale, (skip, width, count) in reversed(finer):
        x = _conv(4 * width, f"{name}_{scale}_up", kernel_size=1)(x)
        x = ops.depth_to_space(x, 2)
        x = layers.Add(name=f"{name}_{scale}_skip")([x, skip])
        x = _blocks(x, width, count, f"{name}_{scale}")
    return x


def _blocks(x, width, count, name):
    for i in range(count):
        x = _residual_block(x, width, f"{name}_block_{i + 1}")
    return x


def _residual_block(x, width, name):
    """Add to `x` two convolutions of it; the second starts at zero, so no norm is needed."""
    y = layers.ReLU(name=f"{name}_relu_1")(x)
    y = _conv(width, f"{name}_conv_1", kernel_initializer="he_normal")(y)
    y = layers.ReLU(name=f"{name}_relu_2")(y)
    y = _conv(width, f"{name}_conv_2", kernel_initializer="zeros")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _conv(filters, name, kernel_size=3, kernel_initializer="lecun_normal"):
    return layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        kernel_initializer=kernel_initializer,
        name=name,
    )


def _one_for_each(name, blocks, widths):
    """Return the number of blocks at each scale.

    Raises:
        ValueError: If they do not fit `widths`, which is the first to be checked.
    """
    if not widths or min(widths) < 1:
        raise ValueError(f"`widths` must be positive, one or more. Received: widths={widths}")
    blocks = tuple(blocks) if isinstance(blocks, Sequence) else (blocks,) * len(widths)
    if len(blocks) != len(widths) or min(blocks) < 0:
        raise ValueError(
            f"`{name}` must not be negative, one number or one for each of `widths`. "
            f"Received: {name}={blocks}, widths={widths}"
        )
    return blocks


def _check(space_to_depth, decoders, bands):
    if space_to_depth < 1 or bands < 1:
        raise ValueError(
            "`space_to_depth` and `bands` must be positive. Received: "
            f"space_to_depth={space_to_depth}, bands={bands}"
        )
    if decoders not in (1, 2):
        raise ValueError(f"`decoders` must be 1 or 2. Received: decoders={decoders}")
