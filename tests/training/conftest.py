import pytest

from kdeblend.training.config import preset_config


@pytest.fixture(scope="session")
def galaxies(make_galaxies):
    """A folder of 64-pixel galaxies."""
    return make_galaxies(train=6, validation=3, test=2)


@pytest.fixture
def config(galaxies):
    """A training of two seconds: 12-pixel stamps, a generator of five convolutions, no GAN."""
    return preset_config("quick").replace(
        data=[str(galaxies)],
        stamp_size=12,
        generator_options={"widths": [4, 8], "blocks": 0, "decoders": 1},
        discriminator_blocks=0,
        batch_size=2,
        steps=6,
        burn_in=0,
        learning_rate=1e-3,
        learning_rate_schedule="drop",
        learning_rate_drop_step=5,
        validation_blends=3,
        validate_every=3,
        checkpoint_every=2,
        log_every=1,
        deterministic=True,
    )


@pytest.fixture
def gan_config(config):
    """The same with residual blocks, a discriminator and two steps of burn-in, VGG19 untrained."""
    return config.replace(
        generator_options={"widths": [4, 8], "blocks": 1},
        discriminator_blocks=2,
        discriminator_filters=2,
        vgg_weights="none",
        vgg_layer="block1_conv1",
        burn_in=2,
    )
