"""The paper's discriminator: is one galaxy image real?"""

import keras
from keras import layers

from kdeblend.models.layers import BatchNormalization

FILTER_FACTORS = (1, 2, 2, 4, 4, 8, 8)
"""Filters of each block in units of the first; later blocks repeat the last."""


def build_discriminator(depth=7, image_size=80, filters=64, bands=3, name="discriminator"):
    """Build the discriminator for square images of one size.

    Args:
        depth: Convolutional blocks; their strides alternate 2, 1, 2, 1, ...
        image_size: Side of the images in pixels; every block of stride 2 must
            halve it exactly.
        filters: Channels of the first convolution and the first block.
        bands: Bands of the images.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(n, image_size, image_size, bands)` in
        [-1, 1] to logits `(n, 1)` of "this is a real galaxy".

    Raises:
        ValueError: If `image_size` is odd, or `depth` is not possible for it.

    Reference:
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), figure 2
    """
    largest = max_depth(image_size)
    if not largest:
        raise ValueError(
            "`image_size` must be even, because the discriminator halves images exactly; train "
            f"without one on others (discriminator_blocks=0). Received: image_size={image_size}"
        )
    if not 1 <= depth <= largest:
        raise ValueError(
            f"`depth` must be from 1 to {largest} for images of {image_size} pixels, because every "
            f"second block, from the first on, halves the image exactly. Received: depth={depth}"
        )
    image = keras.Input((image_size, image_size, bands), name="image")
    x = layers.Conv2D(filters, 3, padding="same", name="stem_conv")(image)
    x = layers.LeakyReLU(0.2, name="stem_relu")(x)
    for block in range(depth):
        x = _block(x, filters * FILTER_FACTORS[min(block, 6)], 2 - block % 2, f"block_{block + 1}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(16 * filters, name="dense")(x)
    x = layers.LeakyReLU(0.2, name="dense_relu")(x)
    logit = layers.Dense(1, name="logit", dtype="float32")(x)
    return keras.Model(image, logit, name=name)


def max_depth(image_size):
    """Return the largest depth of a discriminator for images of that size.

    Args:
        image_size: Side of the square images in pixels.

    Returns:
        The largest possible depth, 0 if the size is odd.
    """
    halvings = 0
    while image_size % 2 == 0 and image_size > 0:
        image_size //= 2
        halvings += 1
    return 2 * halvings


def _block(x, filters, strides, name):
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", name=f"{name}_conv")(x)
    x = BatchNormalization(name=f"{name}_norm")(x)
    return layers.LeakyReLU(0.2, name=f"{name}_relu")(x)
