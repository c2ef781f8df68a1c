from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.training.callbacks.stop_on_nan import TrainingDivergedError
from kdeblend.training.checkpoint import (
    CheckpointError,
    DamagedCheckpointError,
    list_checkpoints,
    read_checkpoint,
    restore_checkpoint,
    save_checkpoint,
)
from kdeblend.training.networks import build_gan

STORED = Path(__file__).parent / "files" / "step-00000002.npz"
STORED_LAYERS = Path(__file__).parent / "files" / "layers.npy"


def train_on_noise(gan, steps):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        layers = rng.random((2, 2, 12, 12, 3), np.float32)
        gan.train_on_batch(layers.max(axis=0), tuple(2 * layers - 1))


def state(gan):
    models = (gan.generator, gan.averaged_generator, gan.discriminator, gan.optimizer)
    return [ops.convert_to_numpy(v) for model in models for v in model.variables]


@pytest.fixture
def config(gan_config):
    options = {"root_blocks": 1, "branch_blocks": 0, "filters": 4}
    return gan_config.replace(generator="resnet", generator_options=options, burn_in=0)


@pytest.fixture
def gan(config):
    keras.utils.set_random_seed(0)
    return build_gan(config, bands=3)


def test_everything_comes_back(gan, config, tmp_path):
    train_on_noise(gan, 2)
    gan.burning_in.assign(1.0)
    path = save_checkpoint(gan, tmp_path, 2, {"best_psnr": 31.5})
    keras.utils.set_random_seed(1)
    other = build_gan(config, bands=3)
    arrays, extra = read_checkpoint(path)
    restore_checkpoint(other, arrays)
    assert extra == {"best_psnr": 31.5}
    for expected, received in zip(state(gan), state(other), strict=True):
        np.testing.assert_array_equal(received, expected)
    assert float(ops.convert_to_numpy(other.burning_in)) == 1
    assert other.steps_done == 2


def test_weights_that_are_not_finite_are_not_kept(gan, tmp_path):
    before = save_checkpoint(gan, tmp_path, 1)
    kernel = gan.averaged_generator.weights[0]
    kernel.assign(ops.convert_to_numpy(kernel) * np.nan)
    with pytest.raises(TrainingDivergedError, match="weights are not finite at step 2"):
        save_checkpoint(gan, tmp_path, 2)
    assert list_checkpoints(tmp_path) == [before]


def test_last_two_are_kept_in_order_of_steps(gan, tmp_path):
    for step in (99_999_999, 100_000_000, 100_000_001):
        save_checkpoint(gan, tmp_path, step)
    (tmp_path / "step-x.npz").touch()
    names = [path.name for path in list_checkpoints(tmp_path)]
    assert names == ["step-100000000.npz", "step-100000001.npz"]


def test_another_network_is_refused(gan, config, tmp_path):
    path = save_checkpoint(gan, tmp_path, 1)
    wider = config.replace(generator_options={"root_blocks": 1, "branch_blocks": 0, "filters": 5})
    with pytest.raises(CheckpointError, match=r"must fit the networks.*arrays, the first"):
        restore_checkpoint(build_gan(wider, bands=3), read_checkpoint(path)[0])


def test_a_broken_file_is_refused(gan, tmp_path):
    path = save_checkpoint(gan, tmp_path, 1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DamagedCheckpointError, match="must be a checkpoint"):
        read_checkpoint(path)


@pytest.mark.backend
def test_checkpoint_written_with_tensorflow_opens_with_every_backend(gan):
    restore_checkpoint(gan, read_checkpoint(STORED)[0])
    blend = np.linspace(0, 1, 12 * 12 * 3, dtype=np.float32).reshape(1, 12, 12, 3)
    layers = gan.averaged_generator.predict_on_batch(blend)
    np.testing.assert_allclose(np.stack(layers), np.load(STORED_LAYERS), atol=1e-4)
    assert gan.steps_done == 2
    train_on_noise(gan, 1)
    assert gan.steps_done == 3
