"""Scripts that change the shape of a trained U-Net: it grows, is pruned and revived."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from kdeblend.deblenders.load import find_weights
from kdeblend.models.files import save_generator
from kdeblend.models.unet import build_unet

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def names_of(script):
    """Return what a script defines, without running it."""
    return runpy.run_path(str(BENCHMARKS / script))


def random_unet(seed=0, **options):
    """Return a small U-Net with random weights, and biases, in all layers."""
    network = build_unet(space_to_depth=1, decoders=1, **options)
    random = np.random.default_rng(seed)
    network.set_weights([0.1 * random.normal(size=each.shape) for each in network.get_weights()])
    return network


def answers(network, blends):
    return np.stack(network.predict_on_batch(blends))


def silence(network, block, channels=slice(None)):
    """Make channels between the two convolutions of a block fire on no pixel of an image."""
    layer = network.get_layer(f"{block}_conv_1")
    kernel, bias = layer.get_weights()
    kernel[..., channels], bias[channels] = 0, -1
    layer.set_weights([kernel, bias])


def test_a_grown_network_answers_as_before_and_can_learn_more():
    small = random_unet(widths=(4, 8, 8), blocks=(1, 0, 1))
    large = build_unet(widths=(6, 8, 12), blocks=(2, 1, 1), space_to_depth=1, decoders=1)
    names_of("grow_unet.py")["grow"](small, large)
    blends = np.random.default_rng(1).random((2, 16, 16, 3), np.float32)
    before = answers(small, blends)
    np.testing.assert_allclose(answers(large, blends), before, atol=1e-5)
    assert before.std() > 0.05
    for name, width in (
        ("encoder_0_conv", 4),
        ("encoder_2_conv", 8),
        ("encoder_0_block_2_conv_1", 4),
    ):
        kernel = large.get_layer(name).get_weights()[0]
        assert kernel[..., width:].any(), name


@pytest.mark.parametrize(
    ("block", "option"),
    [
        ("encoder_1_block_2", "blocks"),
        ("encoder_0_block_1", "blocks"),
        ("branches_0_block_1", "decoder_blocks"),
        ("branches_1_block_2", "decoder_blocks"),
    ],
)
def test_a_pruned_network_lacks_the_block_that_never_fired(block, option):
    """And answers as before, though the block added the same to every pixel."""
    names = names_of("prune_unet.py")
    large = random_unet(widths=(4, 8), blocks=2)
    silence(large, block)
    stack, scale = block.split("_block_")[0], int(block[-len("0_block_1")])
    blocks = {"blocks": [2, 2], "decoder_blocks": [2, 2]}
    blocks[option][scale] = 1
    small = build_unet((4, 8), space_to_depth=1, decoders=1, **blocks)
    blends = np.random.default_rng(1).random((2, 16, 16, 3), np.float32)
    same = []
    for left_out in names["choices"](large, scale, option == "blocks", 2):
        names["prune"](large, small, left_out)
        if np.allclose(answers(small, blends), answers(large, blends), atol=1e-5):
            same.append(left_out)
    assert same == [{stack: int(block[-1])}]


def test_only_a_unet_with_enough_blocks_is_pruned(tmp_path):
    network = random_unet(widths=(4, 8), blocks=(1, 2))
    facts = {"generator": "unet", "generator_options": {"widths": [4, 8], "blocks": [1, 2]}}
    save_generator(network, tmp_path / "n.keras", facts)
    blocks_of = names_of("prune_unet.py")["blocks_of"]
    weights = find_weights(str(tmp_path / "n.keras"))
    wanted = {"blocks": [1, 1], "decoder_blocks": [0, 2]}
    assert blocks_of(weights, wanted) == {"blocks": [1, 2], "decoder_blocks": [1, 2]}
    with pytest.raises(SystemExit, match=r"decoder_blocks .* \[1, 2\]. Received: \[2, 2\]"):
        blocks_of(weights, {"blocks": [1, 1], "decoder_blocks": [2, 2]})


def test_a_revived_network_answers_as_before_and_all_its_channels_learn():
    network = random_unet(widths=(4, 8), blocks=1)
    silence(network, "encoder_1_block_1")
    silence(network, "branches_0_block_1", [1, 3])
    blends = np.random.default_rng(1).random((4, 16, 16, 3), np.float32)
    names = names_of("revive_unet.py")
    before, dead = answers(network, blends), names["dead_channels"](network, blends)
    assert dead["encoder_1_block_1"].all()
    assert dead["branches_0_block_1"].tolist() == [False, True, False, True]
    names["revive"](network, blends)
    np.testing.assert_allclose(answers(network, blends), before, atol=1e-5)
    for batch in names["activations"](network, "_relu_2", blends):
        for block, output in batch.items():
            share = (output > 0).mean((0, 1, 2))[dead[block]]
            np.testing.assert_allclose(share, 0.5, atol=0.1, err_msg=block)
