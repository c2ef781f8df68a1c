import keras
import numpy as np
import pytest

from kdeblend.models.discriminator import build_discriminator, max_depth


def convolutions(model):
    return [each for each in model.layers if isinstance(each, keras.layers.Conv2D)]


def test_blocks_have_the_strides_and_filters_of_the_paper():
    blocks = convolutions(build_discriminator(8))[1:]
    assert [each.strides[0] for each in blocks] == [2, 1, 2, 1, 2, 1, 2, 1]
    assert [each.filters for each in blocks] == [64, 128, 128, 256, 256, 512, 512, 512]


def test_order_in_a_block_is_conv_norm_relu():
    names = [each.name for each in build_discriminator(1, 16, 4).layers]
    start = names.index("block_1_conv")
    assert names[start : start + 3] == ["block_1_conv", "block_1_norm", "block_1_relu"]
    assert names[-4:] == ["flatten", "dense", "dense_relu", "logit"]
    assert build_discriminator(1, 16).get_layer("dense").units == 1024


@pytest.mark.parametrize(("size", "depth"), [(80, 8), (64, 12), (12, 4), (81, 0)])
def test_largest_depth(size, depth):
    assert max_depth(size) == depth


@pytest.mark.parametrize(("size", "depth"), [(80, 9), (80, 0), (12, 5)])
def test_impossible_depth_names_the_largest(size, depth):
    with pytest.raises(ValueError, match=f"to {max_depth(size)} .*Received: depth={depth}"):
        build_discriminator(depth, size)


def test_odd_images_are_refused_with_a_way_out():
    with pytest.raises(ValueError, match=r"must be even.*discriminator_blocks=0"):
        build_discriminator(1, 13)


@pytest.mark.backend
def test_logits_and_round_trip(tmp_path):
    model = build_discriminator(3, 12, 4, bands=2)
    images = np.random.default_rng(0).random((5, 12, 12, 2), np.float32)
    logits = model.predict_on_batch(images)
    assert logits.shape == (5, 1)
    model.save(tmp_path / "discriminator.keras")
    loaded = keras.saving.load_model(tmp_path / "discriminator.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(images), logits, atol=1e-6)
