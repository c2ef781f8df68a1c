import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.models.layers import BatchNormalization, PReLU

pytestmark = pytest.mark.backend

OURS = (BatchNormalization, PReLU)
KERAS = (keras.layers.BatchNormalization, keras.layers.PReLU)


def images(*shape):
    return np.random.default_rng(0).normal(0.3, 2, shape).astype(np.float32)


def build(normalization, prelu, channels=5):
    """Build a network in which gradients pass through both layers."""
    image = keras.Input((None, None, channels))
    x = normalization(momentum=0.6, epsilon=0.02)(image)
    x = prelu(shared_axes=[1, 2])(x)
    x = normalization()(x)
    return keras.Model(image, x)


def trained(layers, x, y, xla):
    """Return the weights after three steps, and what the network says then."""
    model = build(*layers)
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.2, 1.5, w.shape) for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.3), "mse", jit_compile=xla)
    for _ in range(3):
        model.train_on_batch(x, y)
    return [*model.get_weights(), model.predict(x, verbose=0)]


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("shape", [(4, 6, 7, 5), (1, 1, 2, 5), (1, 1, 1, 5)])
def test_they_learn_what_the_layers_of_keras_learn(shape, xla):
    if xla and keras.backend.backend() == "torch":
        pytest.skip("PyTorch knows no XLA")
    x, y = images(*shape), images(*shape)[::-1, ::-1]
    for ours, theirs in zip(trained(OURS, x, y, xla), trained(KERAS, x, y, xla), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_batches_come_out_with_the_mean_and_deviation_that_were_learned():
    layer = BatchNormalization(epsilon=1e-5)
    x = images(3, 8, 8, 4)
    layer.build(x.shape)
    layer.gamma.assign([1, 2, 3, 4])
    layer.beta.assign([0, -1, 0, 5])
    y = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), [0, -1, 0, 5], atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), [1, 2, 3, 4], rtol=1e-3)


def test_a_frozen_layer_uses_and_keeps_the_moving_averages():
    layer = BatchNormalization(trainable=False, epsilon=1e-5)
    x = images(3, 8, 8, 4)
    y = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(y, x, rtol=1e-4)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.moving_mean), 0)


def test_statistics_are_precise_in_half_precision():
    layer = BatchNormalization(dtype="mixed_bfloat16", momentum=0.0)
    x = images(8, 16, 16, 4)
    y = layer(ops.cast(x, "bfloat16"), training=True)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    rounded = ops.convert_to_numpy(ops.cast(ops.cast(x, "bfloat16"), "float32"))
    received = [ops.convert_to_numpy(v) for v in (layer.moving_mean, layer.moving_variance)]
    np.testing.assert_allclose(received[0], rounded.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(received[1], rounded.var(axis=(0, 1, 2)), rtol=1e-4)


def test_prelu_has_one_slope_a_channel_for_images_of_any_size():
    layer = PReLU()
    x = images(2, 3, 4, 2)
    layer.build(x.shape)
    layer.alpha.assign(np.reshape([0.5, -2.0], layer.alpha.shape))
    y = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(y, np.where(x > 0, x, x * [0.5, -2]), rtol=1e-6)
    assert layer(images(1, 7, 5, 2)).shape == (1, 7, 5, 2)


@pytest.mark.parametrize("layer", OURS)
def test_config_round_trip(layer):
    config = layer(name="here").get_config()
    assert layer.from_config(config).get_config() == config
    assert keras.saving.get_registered_name(layer) == f"kdeblend>{layer.__name__}"


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (BatchNormalization, "axis", 1),
        (BatchNormalization, "scale", False),
        (BatchNormalization, "renorm", True),
        (PReLU, "shared_axes", None),
    ],
)
def test_what_they_do_not_do_is_refused(layer, name, value):
    with pytest.raises(ValueError, match=f"{layer.__name__} must be .* Received: .*{name}"):
        layer(**{name: value})
