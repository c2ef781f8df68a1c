"""From a configuration to a compiled GAN."""

import inspect
from pathlib import Path

import keras

from kdeblend.models.discriminator import build_discriminator
from kdeblend.models.files import load_generator
from kdeblend.models.gan import DeblendingGAN
from kdeblend.models.generators import GENERATORS
from kdeblend.models.perceptual import PerceptualLoss
from kdeblend.plugins import Registry
from kdeblend.training.config import TrainingConfig

OPTIMIZERS = Registry(
    "kdeblend.optimizers",
    "`optimizer`",
    {"adam": "keras.optimizers:Adam", "muon": "kdeblend.training.muon:ConvolutionMuon"},
)


def build_gan(config: TrainingConfig, bands: int) -> DeblendingGAN:
    """Build and compile the networks that a configuration describes.

    Args:
        config: The configuration.
        bands: Bands of the images.

    Returns:
        A compiled `DeblendingGAN` with fresh weights.

    Raises:
        ValueError: If an option of a network is impossible.
        OSError: If VGG19's ImageNet weights are needed and can not be downloaded.
    """
    check_backend(config)
    _check_bands(config, bands)
    gan = DeblendingGAN(
        build_config_generator(config, bands),
        _discriminator(config, bands),
        _perceptual_loss(config),
        pixel_loss=config.pixel_loss,
        adversarial_weight=config.adversarial_weight,
        perceptual_weight=config.perceptual_weight,
        average_momentum=config.average_momentum,
    )
    gan.compile(
        _optimizer(config, config.steps),
        _optimizer(config, config.steps - config.burn_in) if config.discriminator_blocks else None,
        jit_compile=config.xla or keras.backend.backend() == "jax",
        steps_per_execution=config.steps_per_execution,
    )
    return gan


def start_from(gan: DeblendingGAN, path: str | Path) -> None:
    """Give a GAN's generator the weights of a trained one, to go on learning from.

    Args:
        gan: The GAN; its moving average starts there too.
        path: A `.keras` file of a generator.

    Raises:
        ValueError: If the file holds no generator, or one of another shape.
        OSError: If the file cannot be read.
        ImportError: If a package that its network needs is not installed.
    """
    weights = load_generator(path).get_weights()
    expected = [tuple(each.shape) for each in gan.generator.weights]
    received = [each.shape for each in weights]
    if expected != received:
        raise ValueError(
            "`initial_weights` must come from a generator of the same family and options; give "
            "those of the file, as --set generator=... and --set generator_options=... "
            f"Received: {path}, with {sum(each.size for each in weights):,} weights; "
            f"this run's generator has {gan.generator.count_params():,}"
        )
    gan.generator.set_weights(weights)
    gan.averaged_generator.set_weights(weights)


def build_config_generator(config: TrainingConfig, bands: int) -> keras.Model:
    """Build the generator that a configuration describes.

    Args:
        config: The configuration.
        bands: Bands of the images.

    Raises:
        ValueError: If the family is unknown or does not take the options, or the network does
            not give two images of the blend's shape.
    """
    build = GENERATORS[config.generator]
    options = {"bands": bands, "blend_mode": config.blend_mode, **config.generator_options}
    try:
        inspect.signature(build).bind(**options)
    except TypeError as error:
        raise ValueError(
            f"`generator_options` must be arguments of the generator {config.generator!r}. "
            f"Received: {config.generator_options} ({error})"
        ) from error
    try:
        generator = build(**options)
    except TypeError as error:
        raise ValueError(
            f"`generator_options` must suit the generator {config.generator!r}. "
            f"Received: {config.generator_options}, on which it fails ({error})"
        ) from error
    _check_images(generator, (None, config.stamp_size, config.stamp_size, bands))
    return generator


def _check_images(generator, shape):
    given = generator.compute_output_spec(keras.KerasTensor(shape))
    shapes = [tuple(each.shape) for each in keras.tree.flatten(given)]
    if shapes != [shape, shape]:
        raise ValueError(
            f"A generator must give two images of the blend's shape, {shape}. "
            f"Received: {shapes} of {generator.name!r}"
        )


def check_backend(config: TrainingConfig) -> None:
    """Check that Keras' backend can do what a configuration asks for.

    Args:
        config: The configuration.

    Raises:
        ValueError: If it cannot.
    """
    if keras.backend.backend() != "torch":
        return
    if config.xla:
        raise ValueError("`xla` must be false with the backend torch. Received: xla=True")
    if config.steps_per_execution > 1:
        raise ValueError(
            "`steps_per_execution` must be 1 with the backend torch. "
            f"Received: {config.steps_per_execution}"
        )


def _check_bands(config, bands):
    if bands not in (1, 3) and (config.burn_in or config.perceptual_weight):
        raise ValueError(
            "`burn_in` and `perceptual_weight` must be 0 for images of other than 1 or 3 bands, "
            f"because VGG19 sees no others. Received: burn_in={config.burn_in}, "
            f"perceptual_weight={config.perceptual_weight}, {bands} bands"
        )


def _optimizer(config, steps):
    optimizer = OPTIMIZERS[config.optimizer]
    if config.learning_rate_schedule == "drop":  # the callback `LearningRateDrop` does that
        return optimizer(config.learning_rate)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, max(1, steps))
    return optimizer(schedule)


def _discriminator(config, bands):
    if not config.discriminator_blocks:
        return None
    return build_discriminator(
        config.discriminator_blocks, config.stamp_size, config.discriminator_filters, bands
    )


def _perceptual_loss(config):
    if not config.burn_in and not config.perceptual_weight:
        return None
    return PerceptualLoss(config.vgg_weights, config.vgg_layer, config.vgg_image_size or None)
