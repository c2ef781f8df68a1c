"""Perceptual loss: the distance between two images in the feature maps of VGG19."""

from pathlib import Path

import keras
import numpy as np
from keras import ops

BGR_MEAN = (103.939, 116.779, 123.68)
"""Mean of ImageNet in the blue, green and red channel, in units of 8-bit levels."""


@keras.saving.register_keras_serializable(package="kdeblend")
class PerceptualLoss(keras.layers.Layer):
    """Mean squared error between VGG19 feature maps of true and generated images.

    Args:
        weights: `"imagenet"` (downloaded by `keras.applications`), the path of
            a weights file of VGG19 without its top, or `"none"` for an untrained
            network, the same one always.
        layer: Name of the VGG19 layer whose output, after its activation, is compared.
        image_size: Side in pixels to which images are resized first; None
            compares them at their own size.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: If VGG19 has no such `layer`, or `weights` is neither a
            known word nor a file that fits VGG19.
        OSError: If the ImageNet weights can not be downloaded.

    Example:
        >>> loss = PerceptualLoss(weights="imagenet", layer="block5_conv4", image_size=224)
        >>> loss(true_images, generated_images)

    Reference:
        [Simonyan & Zisserman, 2014](https://arxiv.org/abs/1409.1556);
        [Reiman & Göhre, 2019](https://arxiv.org/abs/1810.10098), section 2.2.2
    """

    def __init__(self, weights="imagenet", layer="block5_conv4", image_size=224, **kwargs):
        kwargs["trainable"] = False
        super().__init__(**kwargs)
        self.weights_source = str(weights)
        self.layer = layer
        self.image_size = image_size
        self.features = _vgg19_features(self.weights_source, layer)
        self.features.trainable = False
        self.built = True

    def call(self, truth, prediction):
        """Return the scalar loss.

        Args:
            truth: Images `(n, height, width, bands)` in [-1, 1], 1 or 3 bands.
            prediction: Images of the same shape and range.
        """
        expected = ops.stop_gradient(self._features_of(truth))
        return ops.mean(ops.square(self._features_of(prediction) - expected))

    def _features_of(self, images):
        x = self.features(self._preprocess(images), training=False)
        return ops.cast(x, "float32")

    def _preprocess(self, images):
        images = ops.cast(images, "float32")
        if images.shape[-1] not in (1, 3):
            raise ValueError(
                "VGG19 compares images of 1 or 3 bands; train others without burn-in and "
                f"perceptual weight. Received: {images.shape[-1]} bands"
            )
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if self.image_size is not None:
            images = ops.image.resize(images, (self.image_size, self.image_size))
        return ops.flip(images + 1, axis=-1) * 127.5 - ops.convert_to_tensor(BGR_MEAN, "float32")

    def get_config(self):
        """Return the constructor arguments; the saved weights need no download on loading."""
        return {
            **super().get_config(),
            "weights": "none",
            "layer": self.layer,
            "image_size": self.image_size,
        }


def _vgg19_features(weights, layer):
    vgg = keras.applications.VGG19(include_top=False, weights=None)
    names = [each.name for each in vgg.layers[1:]]
    if layer not in names:
        raise ValueError(f"`layer` must be one of {names}. Received: layer={layer!r}")
    if weights == "imagenet":
        vgg = _download_imagenet()
    elif weights != "none":
        _load(vgg, Path(weights))
    features = keras.Model(vgg.input, vgg.get_layer(layer).output, name="vgg19")
    if weights == "none":
        _initialise(features)
    return features


def _initialise(features):
    """Draw Glorot's weights, the same ones on every backend and for every seed."""
    random = np.random.default_rng(0)
    for convolution in filter(lambda each: each.weights, features.layers):
        kernel, bias = convolution.get_weights()
        fans = kernel.shape[0] * kernel.shape[1] * (kernel.shape[2] + kernel.shape[3])
        limit = (6 / fans) ** 0.5
        drawn = random.uniform(-limit, limit, kernel.shape).astype(np.float32)
        convolution.set_weights([drawn, np.zeros_like(bias)])


def _download_imagenet():
    try:
        return keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:
        raise OSError(
            "The ImageNet weights of VGG19 could not be downloaded. Give the path of a copy, or "
            "'none' for an untrained VGG19. With the command line: --vgg-weights PATH|none. "
            f"Received: {error}"
        ) from error


def _load(vgg, path):
    if not path.is_file():
        raise ValueError(
            "`weights` must be 'imagenet', 'none' or the path of a weights file of VGG19 without "
            f"its top. Received: weights={str(path)!r}, which is no file"
        )
    try:
        vgg.load_weights(path)
    except Exception as error:
        raise ValueError(
            "`weights` must be a weights file of VGG19 without its top. "
            f"Received: weights={str(path)!r}, which can not be loaded: {error}"
        ) from error
