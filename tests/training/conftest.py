import itertools

import pytest
from PIL import Image

from kdeblend.data.split import split_of
from kdeblend.training.config import preset_config

WANTED = {"train": 6, "validation": 3, "test": 2}


@pytest.fixture(scope="session")
def galaxies(tmp_path_factory, galaxy):
    """A folder of 64-pixel galaxies, six for training, three for validation, two for the test."""
    folder = tmp_path_factory.mktemp("galaxies")
    missing = dict(WANTED)
    for number in itertools.count():
        side = split_of(f"g{number}")
        if missing[side]:
            missing[side] -= 1
            Image.fromarray(galaxy(number)).save(folder / f"g{number}.png")
        if not any(missing.values()):
            return folder


@pytest.fixture
def config(galaxies):
    """A training of seconds: 12-pixel stamps, tiny networks, an untrained VGG19."""
    return preset_config("quick").replace(
        data=[str(galaxies)],
        stamp_size=12,
        generator_options={"widths": [4, 8], "blocks": 1},
        discriminator_blocks=2,
        discriminator_filters=2,
        vgg_layer="block1_conv1",
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
