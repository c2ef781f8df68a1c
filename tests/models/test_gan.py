import json

import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.models.discriminator import build_discriminator
from kdeblend.models.gan import DeblendingGAN
from kdeblend.models.perceptual import PerceptualLoss
from kdeblend.models.resnet import build_generator
from kdeblend.models.unet import build_unet

pytestmark = pytest.mark.backend
SIZE = 12


def make_gan(optimizer=None, perceptual=True, discriminator=True, **options):
    keras.utils.set_random_seed(3)
    gan = DeblendingGAN(
        build_generator(1, 0, 4),
        build_discriminator(1, SIZE, 4) if discriminator else None,
        PerceptualLoss("none", "block1_conv2", None) if perceptual else None,
        **options,
    )
    optimizer = optimizer or (lambda: keras.optimizers.Adam(1e-3))
    xla = keras.backend.backend() == "jax"
    gan.compile(optimizer(), optimizer() if discriminator else None, jit_compile=xla)
    return gan


@pytest.fixture
def batch():
    layers = np.random.default_rng(0).random((2, 4, SIZE, SIZE, 3), np.float32)
    return layers.max(axis=0), tuple(2 * layers - 1)


def values(variables):
    return [ops.convert_to_numpy(v).copy() for v in variables]


def moved(before, variables):
    return [not np.array_equal(b, a) for b, a in zip(before, values(variables), strict=True)]


def step(gan, batch):
    logs = gan.train_on_batch(*batch, return_dict=True)
    return {name: float(value) for name, value in logs.items()}


class Bright(keras.layers.Layer):
    """Adds how far from white its images are to the loss, many times over."""

    def call(self, images):
        self.add_loss(1e3 * ops.mean(ops.square(images - 1)))
        return images


@pytest.mark.parametrize("added", ["by a regularizer", "by a layer"])
def test_what_layers_of_the_generator_add_to_the_loss_counts(batch, added):
    gan = make_gan(perceptual=False)
    before = step(gan, batch)
    assert "regularization_loss" not in before
    generator = build_generator(1, 0, 4)
    if added == "by a layer":
        first, second = generator.outputs
        generator = keras.Model(generator.inputs, [Bright()(first), second])
    else:
        for variable in generator.trainable_variables:
            variable.regularizer = keras.regularizers.L2(1e3)
    heavy = DeblendingGAN(generator)
    heavy.compile(keras.optimizers.Adam(1e-3), jit_compile=keras.backend.backend() == "jax")
    logs = step(heavy, batch)
    assert abs(logs["regularization_loss"]) > 10
    assert logs["generator_loss"] == pytest.approx(
        logs["pixel_loss"] + logs["regularization_loss"], rel=1e-5
    )
    assert logs["generator_gradient_norm"] > 10 * before["generator_gradient_norm"]


def test_burn_in_trains_the_generator_on_perceptual_loss_alone(batch):
    gan = make_gan()
    gan.burning_in.assign(1.0)
    resting = [*gan.discriminator.variables, *gan.discriminator_optimizer.variables]
    before, generator = values(resting), values(gan.generator.trainable_variables)
    logs = step(gan, batch)
    assert logs["generator_loss"] == pytest.approx(logs["perceptual_loss"])
    assert logs["perceptual_loss"] > 0
    assert not any(moved(before, resting))
    assert all(moved(generator, gan.generator.trainable_variables))


def test_after_burn_in_both_networks_learn(batch):
    gan = make_gan(adversarial_weight=0.5)
    before = [values(m.trainable_variables) for m in (gan.generator, gan.discriminator)]
    logs = step(gan, batch)
    assert logs["perceptual_loss"] == 0
    assert logs["generator_loss"] == pytest.approx(
        logs["pixel_loss"] + 0.5 * logs["adversarial_loss"], rel=1e-5
    )
    assert logs["discriminator_loss"] == pytest.approx(
        (logs["discriminator_real_loss"] + logs["discriminator_fake_loss"]) / 2, rel=1e-5
    )
    assert all(moved(before[0], gan.generator.trainable_variables))
    assert all(moved(before[1], gan.discriminator.trainable_variables))


def test_the_generator_is_rewarded_for_what_passes_as_real(batch):
    gan = make_gan()
    images = ops.concatenate(gan.generator(batch[0], training=True))
    logits = ops.convert_to_numpy(gan.discriminator(images, training=True))
    expected = np.log1p(np.exp(-logits)).mean()
    assert step(gan, batch)["adversarial_loss"] == pytest.approx(expected, rel=1e-3)


def test_a_frozen_generator_learns_again(batch):
    generator = build_generator(1, 1, 4)
    generator.trainable = False
    gan = DeblendingGAN(generator)
    gan.compile(keras.optimizers.Adam(1e-3), jit_compile=keras.backend.backend() == "jax")
    before = values(gan.generator.trainable_variables)
    step(gan, batch)
    assert any(moved(before, gan.generator.trainable_variables))


def test_switching_needs_no_new_graph(batch):
    gan = make_gan()
    gan.burning_in.assign(1.0)
    first = step(gan, batch)
    gan.burning_in.assign(0.0)
    second = step(gan, batch)
    assert first["generator_loss"] == pytest.approx(first["perceptual_loss"])
    assert second["generator_loss"] < first["generator_loss"] / 10
    assert [int(ops.convert_to_numpy(o.iterations)) for o in gan.optimizer.optimizers] == [2, 1]


def test_perceptual_weight_counts_after_burn_in(batch):
    logs = step(make_gan(perceptual_weight=0.25), batch)
    assert logs["generator_loss"] == pytest.approx(
        logs["pixel_loss"] + 1e-3 * logs["adversarial_loss"] + 0.25 * logs["perceptual_loss"],
        rel=1e-5,
    )


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_gradient_norm_is_that_of_the_step(batch, network):
    rate = 1e-2
    gan = make_gan(lambda: keras.optimizers.SGD(rate), perceptual=False)
    variables = getattr(gan, network).trainable_variables
    before = values(variables)
    logs = step(gan, batch)
    squares = [((b - a) ** 2).sum() for b, a in zip(before, values(variables), strict=True)]
    expected = np.sqrt(np.sum(squares)) / rate
    assert logs[f"{network}_gradient_norm"] == pytest.approx(expected, rel=1e-2)


def test_pixel_loss_is_the_mean_over_both_galaxies(batch):
    gan = make_gan(perceptual=False, discriminator=False)
    first, second = gan(batch[0], training=True)
    errors = [
        np.mean((ops.convert_to_numpy(g) - t) ** 2)
        for g, t in zip((first, second), batch[1], strict=True)
    ]
    assert step(gan, batch)["pixel_loss"] == pytest.approx(np.mean(errors), rel=1e-4)


@pytest.mark.parametrize(("setting", "momentum"), [(0.9, 1 / 11), (0.05, 0.05)])
def test_average_follows_the_weights(batch, setting, momentum):
    gan = make_gan(perceptual=False, discriminator=False, average_momentum=setting)
    start = values(gan.generator.variables)
    step(gan, batch)
    after = values(gan.generator.variables)
    for old, new, average in zip(
        start, after, values(gan.averaged_generator.variables), strict=True
    ):
        np.testing.assert_allclose(average, momentum * old + (1 - momentum) * new, atol=1e-5)


def test_average_is_float32_in_mixed_precision(batch):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator = build_unet((4, 8), blocks=1)
        gan = DeblendingGAN(generator)
        gan.compile(keras.optimizers.Adam(1e-3))
        logs = step(gan, batch)
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(logs["generator_loss"])
    assert generator.get_layer("branch_1_conv").compute_dtype == "bfloat16"
    assert gan.averaged_generator.get_layer("branch_1_conv").compute_dtype == "float32"


def test_fit_lowers_the_pixel_loss(batch):
    gan = make_gan(perceptual=False)
    before = step(gan, batch)["pixel_loss"]
    blend, *layers = (np.tile(each, (20, 1, 1, 1)) for each in (batch[0], *batch[1]))
    gan.fit(blend, tuple(layers), batch_size=4, shuffle=False, verbose=0)
    assert step(gan, batch)["pixel_loss"] < 0.7 * before


def test_saved_gan_goes_on_as_the_first(tmp_path, batch):
    gan = make_gan(adversarial_weight=0.01, pixel_loss="log_mse")
    step(gan, batch)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.saving.load_model(tmp_path / "gan.keras")
    assert json.dumps(loaded.get_config()) == json.dumps(gan.get_config())
    assert loaded.steps_done == 1
    expected, received = step(gan, batch), step(loaded, batch)
    assert received == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel_loss": "l7"}, r"`pixel_loss` must be one of .*mse.*Received: 'l7'"),
        ({"perceptual": False, "perceptual_weight": 1.0}, "`perceptual_loss` must be given"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_gan(**options)


def test_a_discriminator_needs_an_optimizer():
    gan = DeblendingGAN(build_generator(0, 0, 4), build_discriminator(1, SIZE, 4))
    with pytest.raises(ValueError, match="`discriminator_optimizer` must be given"):
        gan.compile(keras.optimizers.Adam())
