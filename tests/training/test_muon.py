import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.training.muon import ConvolutionMuon

pytestmark = pytest.mark.backend


def step(optimizer, shape, *gradients, name="kernel"):
    """Return where steps along some gradients take a variable that begins at zero."""
    variable = keras.Variable(np.zeros(shape, np.float32), name=name)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    return ops.convert_to_numpy(variable)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_a_kernel_moves_along_an_orthogonal_matrix():
    gradient = random(3, 3, 16, 24) * np.logspace(-1, 1, 24, dtype=np.float32)
    moved = step(ConvolutionMuon(0.1), gradient.shape, gradient).reshape(-1, 24)
    unit = moved / (0.1 * 0.2 * np.sqrt(9 * 16))
    u, strength, vt = np.linalg.svd(gradient.reshape(-1, 24), full_matrices=False)
    assert strength.max() / strength.min() > 50
    along = u.T @ -unit @ vt.T
    assert np.diag(along).min() > 0.5
    assert np.diag(along).max() < 1.3
    np.testing.assert_allclose(along, np.diag(np.diag(along)), atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((3, 3, 32, 32), 0.2), ((1, 1, 16, 64), 0.2), ((9, 9, 64, 4), 0.2 * (9 * 4 / 5184) ** 0.5)],
)
def test_a_step_has_the_size_of_adams_or_less_before_few_channels(shape, size):
    moved = step(ConvolutionMuon(0.1), shape, random(*shape))
    assert np.sqrt(np.mean(moved**2)) == pytest.approx(0.1 * size, rel=0.3)


@pytest.mark.parametrize(
    ("shape", "name"), [((7,), "a"), ((5, 40), "a"), ((3, 3, 8, 1), "a"), ((3, 3, 8, 8), "stem")]
)
def test_all_else_moves_as_with_adam(shape, name):
    gradients = random(3, *shape)
    expected = step(keras.optimizers.Adam(0.1), shape, *gradients)
    received = step(ConvolutionMuon(0.1, exclude_layers=["stem"]), shape, *gradients, name=name)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [("bfloat16", 1), ("float16", 1e-5), ("float16", 1e4)])
def test_half_precision_changes_little_and_keeps_float32_weights(dtype, size):
    gradient = random(3, 3, 16, 16) * np.float32(size)
    full, half = (
        step(ConvolutionMuon(0.1, compute_dtype=each), gradient.shape, gradient)
        for each in ("float32", dtype)
    )
    assert half.dtype == np.float32
    assert 0 < np.abs(full - half).max() < 0.1 * np.abs(full).max()


def test_precision_follows_the_dtype_policy():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        assert ConvolutionMuon().compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    assert ConvolutionMuon().compute_dtype == "float32"


def test_config_round_trip():
    optimizer = ConvolutionMuon(keras.optimizers.schedules.CosineDecay(0.1, 10), momentum=0.8)
    config = keras.saving.serialize_keras_object(optimizer)
    assert config["registered_name"] == "kdeblend>ConvolutionMuon"
    loaded = keras.saving.deserialize_keras_object(config)
    assert loaded.get_config() == optimizer.get_config()
