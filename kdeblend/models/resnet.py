"""The paper's generator: a residual root and two residual branches."""

import keras
from keras import layers

from kdeblend.models.heads import make_head
from kdeblend.models.layers import AddCentre, BatchNormalization, PReLU

NORM_MOMENTUM = 0.9
"""Of the moving statistics of batch normalisation. With Keras' 0.99 a third of what they begin with
is left after 100 steps; what they scatter is averaged with the weights, by `average_momentum`."""


def build_generator(
    root_blocks=10,
    branch_blocks=6,
    filters=64,
    bands=3,
    centre=False,
    head="direct",
    blend_mode="max",
    name="generator",
):
    """Build the branched residual generator; it takes images of any size.

    Args:
        root_blocks: M, residual blocks before the branches part.
        branch_blocks: N, residual blocks in each branch.
        filters: Channels of every hidden convolution.
        bands: Bands of the images.
        centre: Show the network where the centre is, in a channel beside the bands. The
            paper's has to learn it from the edges, which takes it many more steps.
        head: `"direct"` (tanh images, the paper's) or `"visible"`.
        blend_mode: Blend mode that the network is trained for.
        name: Name of the model.

    Returns:
        A `keras.Model` from blends `(n, height, width, bands)` in [0, 1] to
        two images of the same shape in [-1, 1]: the central galaxy, the other one.

    Raises:
        ValueError: If a number of blocks is negative, `filters` or `bands`
            is not positive, or `head` or `blend_mode` is unknown.

    Example:
        >>> generator = build_generator(root_blocks=2, branch_blocks=1, filters=16)
        >>> first, second = generator(blends)

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.1
    """
    _check(root_blocks, branch_blocks, filters, bands)
    head_layer = make_head(head, blend_mode)
    blend = keras.Input((None, None, bands), name="blend")
    x = AddCentre(name="centre")(blend) if centre else blend
    x = _conv(filters, 9, "stem_conv")(x)
    x = stem = PReLU(name="stem_prelu")(x)
    for i in range(root_blocks):
        x = residual_block(x, filters, f"root_{i + 1}")
    x = _conv(filters, 3, "root_conv")(x)
    x = _norm("root_norm")(x)
    x = layers.Add(name="root_add")([x, stem])
    channels = head_layer.channels_per_band * bands
    branches = [
        _branch(x, branch_blocks, filters, channels, head_layer.initializer(), f"branch_{galaxy}")
        for galaxy in (1, 2)
    ]
    return keras.Model(blend, head_layer([blend, *branches]), name=name)


def residual_block(x, filters, name):
    """Apply conv, batch norm, PReLU, conv, batch norm, and add the input.

    Args:
        x: Tensor `(n, height, width, filters)`.
        filters: Channels of both convolutions.
        name: Prefix of the layers' names.

    Returns:
        Tensor of the shape of `x`.
    """
    y = _conv(filters, 3, f"{name}_conv_1")(x)
    y = _norm(f"{name}_norm_1")(y)
    y = PReLU(name=f"{name}_prelu")(y)
    y = _conv(filters, 3, f"{name}_conv_2")(y)
    y = _norm(f"{name}_norm_2")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def _norm(name):
    return BatchNormalization(momentum=NORM_MOMENTUM, name=name)


def _branch(x, blocks, filters, channels, initializer, name):
    for i in range(blocks):
        x = residual_block(x, filters, f"{name}_block_{i + 1}")
    return _conv(channels, 9, f"{name}_conv", kernel_initializer=initializer)(x)


def _conv(filters, kernel_size, name, **options):
    return layers.Conv2D(filters, kernel_size, padding="same", name=name, **options)


def _check(root_blocks, branch_blocks, filters, bands):
    if root_blocks < 0 or branch_blocks < 0:
        raise ValueError(
            "`root_blocks` and `branch_blocks` must not be negative. "
            f"Received: root_blocks={root_blocks}, branch_blocks={branch_blocks}"
        )
    if filters < 1 or bands < 1:
        raise ValueError(
            f"`filters` and `bands` must be positive. Received: filters={filters}, bands={bands}"
        )
