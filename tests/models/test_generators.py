import json

import keras
import numpy as np
import pytest
from keras import ops

from kdeblend.models.generators import GENERATORS
from kdeblend.models.layers import AddCentre
from kdeblend.models.resnet import build_generator
from kdeblend.models.unet import CropLike, PadToMultiple, build_unet

SMALL = {
    "resnet": {"root_blocks": 1, "branch_blocks": 1, "filters": 4},
    "unet": {"widths": (4, 8), "blocks": 1},
}
pytestmark = pytest.mark.backend


def blends(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture(params=sorted(SMALL))
def family(request):
    return request.param


@pytest.mark.parametrize("head", ["direct", "visible"])
@pytest.mark.parametrize("shape", [(2, 16, 16, 3), (1, 21, 10, 1), (1, 3, 5, 5)])
def test_output_has_the_shape_of_the_blend_and_its_range(family, head, shape):
    generator = GENERATORS[family](bands=shape[-1], head=head, **SMALL[family])
    for layer in generator(blends(*shape)):
        values = ops.convert_to_numpy(layer)
        assert values.shape == shape
        assert values.min() >= -1
        assert values.max() <= 1


@pytest.mark.parametrize("head", ["direct", "visible"])
def test_saved_generator_gives_the_same_layers(family, head, tmp_path):
    generator = GENERATORS[family](head=head, blend_mode="sum", **SMALL[family])
    generator.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    for expected, received in zip(
        generator(blends(1, 9, 12, 3)), loaded(blends(1, 9, 12, 3)), strict=True
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(received), ops.convert_to_numpy(expected), atol=1e-6
        )
    assert loaded.get_layer("head").blend_mode == "sum"
    assert json.dumps(loaded.get_config()) == json.dumps(generator.get_config())


def test_paper_generator_has_the_layers_of_the_paper():
    generator = build_generator()
    kinds = [type(layer).__name__ for layer in generator.layers]
    blocks = 10 + 2 * 6
    assert kinds.count("Conv2D") == 1 + 2 * blocks + 1 + 2
    assert kinds.count("BatchNormalization") == 2 * blocks + 1
    assert kinds.count("PReLU") == 1 + blocks
    stem, block, root, tail = (
        9 * 9 * 3 * 64 + 64 + 64,
        2 * (9 * 64 * 64 + 64) + 4 * 64 + 64,
        9 * 64 * 64 + 64 + 2 * 64,
        9 * 9 * 64 * 3 + 3,
    )
    trainable = sum(int(np.prod(v.shape)) for v in generator.trainable_variables)
    assert trainable == stem + blocks * block + root + 2 * tail


@pytest.mark.parametrize(
    "build",
    [lambda: build_generator(2, 1, 16, head="visible"), lambda: build_unet((8, 16), blocks=1)],
)
def test_a_visible_head_starts_where_its_sigmoids_have_a_slope(build):
    """At first both galaxies are half visible everywhere, and half of what is hidden is filled."""
    keras.utils.set_random_seed(0)
    blend = blends(2, 16, 16, 3)
    for layer in build()(blend):
        share = (ops.convert_to_numpy(layer) + 1) / 2 / blend
        assert np.abs(share - 0.75).mean() < 0.025


def test_the_paper_generator_can_be_shown_the_centre():
    blend = np.full((1, 24, 24, 3), 0.5, np.float32)
    generator = build_generator(1, 1, 4, centre=True)
    kernel, bias = generator.get_layer("stem_conv").get_weights()
    assert kernel.shape == (9, 9, 4, 4)
    seen = ops.convert_to_numpy(generator(blend)[0])
    kernel[:, :, 3] = 0
    generator.get_layer("stem_conv").set_weights([kernel, bias])
    assert np.abs(ops.convert_to_numpy(generator(blend)[0]) - seen).max() > 1e-3


def test_branches_differ(family):
    first, second = GENERATORS[family](**SMALL[family])(blends(1, 8, 8, 3))
    first, second = ops.convert_to_numpy(first), ops.convert_to_numpy(second)
    assert np.abs(first - second).max() > 1e-6


def test_a_hundred_steps_are_enough_for_the_statistics_of_batches():
    generator = build_generator(**SMALL["resnet"])
    images = blends(4, 12, 12, 3)
    for _ in range(100):
        expected = generator(images, training=True)
    for image, wanted in zip(generator(images), expected, strict=True):
        image, wanted = map(ops.convert_to_numpy, (image, wanted))
        assert np.abs(image - wanted).mean() < 0.02 * wanted.std()


@pytest.mark.parametrize("space_to_depth", [1, 2])
def test_unet_sees_the_same_wherever_the_edge_is(space_to_depth):
    unet = build_unet((4, 8), blocks=1, space_to_depth=space_to_depth)
    ignore_centre(unet)
    blend = blends(1, 48, 48, 3)
    blend[:, 24:] = 0
    whole = ops.convert_to_numpy(unet(blend)[0])
    part = ops.convert_to_numpy(unet(blend[:, :, :46])[0])
    np.testing.assert_allclose(part[:, :, :8], whole[:, :, :8], atol=1e-5)


def ignore_centre(unet):
    """Zero the weights of the channels, one in four, that say where the centre is."""
    kernel, bias = unet.get_layer("encoder_0_conv").get_weights()
    kernel[:, :, 3::4] = 0
    unet.get_layer("encoder_0_conv").set_weights([kernel, bias])


@pytest.mark.parametrize(("height", "width"), [(5, 7), (6, 6)])
def test_centre_is_nearest_and_seen_by_the_unet(height, width):
    images = blends(2, height, width, 3)
    marked = ops.convert_to_numpy(AddCentre()(images))
    np.testing.assert_array_equal(marked[..., :3], images)
    near = marked[0, ..., 3]
    np.testing.assert_array_equal(near, near[::-1, ::-1])
    assert (
        near[height // 2, width // 2]
        == near.max()
        == pytest.approx(1 if height % 2 else 1 / (1 + np.sqrt(0.5) / 8))
    )
    assert (
        near[0, 0] == near.min() == pytest.approx(1 / (1 + np.hypot(height - 1, width - 1) / 2 / 8))
    )
    unet = build_unet((4, 8), blocks=1)
    before = ops.convert_to_numpy(unet(images)[0])
    ignore_centre(unet)
    assert np.abs(ops.convert_to_numpy(unet(images)[0]) - before).max() > 1e-4


def test_one_decoder_serves_both_branches():
    one, two = (build_unet((4, 8), blocks=(0, 1), decoders=n) for n in (1, 2))
    names = [layer.name for layer in one.layers]
    assert "branches_1_block_1_conv_1" in names
    assert "branches_0_block_1_conv_1" not in names
    assert one.count_params() < two.count_params()
    first, second = one(blends(1, 8, 8, 3))
    assert np.abs(ops.convert_to_numpy(first - second)).max() > 1e-6


def test_decoders_can_have_other_blocks_than_the_encoder():
    unet = build_unet((4, 8), blocks=(0, 2), decoders=1, decoder_blocks=1)
    names = {layer.name.removesuffix("_add") for layer in unet.layers if "_add" in layer.name}
    assert names == {
        "encoder_1_block_1",
        "encoder_1_block_2",
        "branches_0_block_1",
        "branches_1_block_1",
    }


def test_padding_and_cropping_undo_each_other():
    images = blends(2, 5, 7, 3)
    padded = PadToMultiple(4)(images)
    assert tuple(padded.shape) == (2, 8, 8, 3)
    cropped = CropLike()([padded, images])
    np.testing.assert_array_equal(ops.convert_to_numpy(cropped), images)
    assert float(ops.sum(padded)) == pytest.approx(float(images.sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (build_generator, {"root_blocks": -1}, "Received: root_blocks=-1"),
        (build_generator, {"filters": 0}, "Received: filters=0"),
        (build_generator, {"head": "round"}, "'direct', 'visible'"),
        (build_generator, {"blend_mode": "mean"}, "blend mode must be one of"),
        (build_unet, {"widths": ()}, "Received: widths="),
        (build_unet, {"space_to_depth": 0}, "Received: space_to_depth=0"),
        (build_unet, {"blocks": (1, 2)}, "Received: blocks=(1"),
        (build_unet, {"decoder_blocks": (1, 2)}, "Received: decoder_blocks=(1"),
        (build_unet, {"decoders": 3}, "Received: decoders=3"),
    ],
)
def test_impossible_options_are_refused(build, options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        build(**options)


def test_unknown_family_lists_the_known():
    with pytest.raises(ValueError, match=r"resnet.*unet.*Received: 'vae'"):
        GENERATORS["vae"]
