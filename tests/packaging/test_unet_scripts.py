"""Scripts that change the shape of a trained U-Net: it grows, is pruned and revived."""

import keras
import numpy as np
import pytest

from kdeblend.deblenders.load import find_weights
from kdeblend.models.files import load_generator, read_facts, save_generator
from kdeblend.models.unet import build_unet


def random_unet(decoders=1, **options):
    """Return a small U-Net with random weights, and biases, in all layers."""
    network = build_unet(space_to_depth=1, decoders=decoders, **options)
    random = np.random.default_rng(0)
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


def test_a_grown_network_answers_as_before_and_can_learn_more(names_of):
    small = random_unet(widths=(4, 8, 8), blocks=(1, 0, 1))
    large = build_unet(widths=(6, 8, 12), blocks=(2, 1, 1), space_to_depth=1, decoders=1)
    names_of("benchmarks/grow_unet.py")["grow"](small, large)
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
    ("stack", "scale", "number", "decoders"),
    [
        ("encoder", 1, 2, 1),
        ("encoder", 0, 1, 2),
        ("decoder", 0, 1, 1),
        ("decoder", 0, 1, 2),
        ("decoder", 1, 2, 2),
        ("decoder", 1, 1, 1),
    ],
)
def test_a_pruned_network_lacks_the_blocks_that_never_fired(
    stack, scale, number, decoders, names_of
):
    """And answers as before, though they added the same to every pixel."""
    names = names_of("benchmarks/prune_unet.py")
    large = random_unet(widths=(4, 8), blocks=2, decoders=decoders)
    found = names["stacks"](large, scale, stack == "encoder")
    assert len(found) == (1 if stack == "encoder" else decoders)
    for name in found:
        silence(large, f"{name}_block_{number}")
    blocks = {"blocks": [2, 2], "decoder_blocks": [2, 2]}
    blocks["blocks" if stack == "encoder" else "decoder_blocks"][scale] = 1
    small = build_unet((4, 8), space_to_depth=1, decoders=decoders, **blocks)
    blends = np.random.default_rng(1).random((2, 16, 16, 3), np.float32)
    means, same = names["mean_outputs"](large, blends), []
    for left_out in names["choices"](large, scale, stack == "encoder", 2):
        names["prune"](large, small, left_out, means)
        if np.allclose(answers(small, blends), answers(large, blends), atol=1e-5):
            same.append(left_out)
    assert same == [dict.fromkeys(found, number)]


@pytest.mark.parametrize("decoder_blocks", [None, [2, 2]])
def test_only_a_unet_with_enough_blocks_is_pruned(tmp_path, decoder_blocks, names_of):
    options = {"widths": [4, 8], "blocks": [1, 2], "decoder_blocks": decoder_blocks}
    facts = {"generator": "unet", "generator_options": options}
    save_generator(random_unet(widths=(4, 8), blocks=0), tmp_path / "n.keras", facts)
    blocks_of = names_of("benchmarks/prune_unet.py")["blocks_of"]
    weights = find_weights(str(tmp_path / "n.keras"))
    has = {"blocks": [1, 2], "decoder_blocks": decoder_blocks or [1, 2]}
    assert blocks_of(weights, {"blocks": [1, 1], "decoder_blocks": [0, 2]}) == has
    with pytest.raises(SystemExit, match=r"decoder_blocks .* 2\]. Received: \[3, 2\]"):
        blocks_of(weights, {"blocks": [1, 1], "decoder_blocks": [3, 2]})


def test_other_networks_are_not_pruned(tmp_path, names_of):
    save_generator(random_unet(widths=(4, 8), blocks=1), tmp_path / "n.keras", {})
    weights = find_weights(str(tmp_path / "n.keras"))
    with pytest.raises(SystemExit, match="must be a U-Net of known shape"):
        names_of("benchmarks/prune_unet.py")["blocks_of"](weights, {"blocks": [1, 1]})


def test_a_revived_network_answers_as_before_and_all_its_channels_fire(names_of):
    network = random_unet(widths=(4, 8), blocks=1)
    silence(network, "encoder_1_block_1")
    silence(network, "branches_0_block_1", [1, 3])
    blends = np.random.default_rng(1).random((20, 16, 16, 3), np.float32)
    names = names_of("benchmarks/revive_unet.py")
    before, dead = answers(network, blends), names["dead_channels"](network, blends)
    assert dead["encoder_1_block_1"].all()
    assert dead["branches_0_block_1"].tolist() == [False, True, False, True]
    names["revive"](network, blends)
    np.testing.assert_allclose(answers(network, blends), before, atol=1e-5)
    assert not any(each.any() for each in names["dead_channels"](network, blends).values())
    kernel = network.get_layer("encoder_1_block_1_conv_1").get_weights()[0]
    assert len(np.unique(kernel[0, 0, 0])) == kernel.shape[-1]


def test_what_fires_in_the_last_batch_only_is_not_dead(names_of):
    network = random_unet(widths=(4, 8), blocks=1)
    layer = network.get_layer("encoder_0_conv")
    layer.set_weights([np.abs(layer.get_weights()[0]), np.full(4, -0.1)])
    layer = network.get_layer("encoder_0_block_1_conv_1")
    layer.set_weights([np.abs(layer.get_weights()[0]), np.full(4, -3)])
    blends = np.ones((20, 16, 16, 3), np.float32)
    blends[:16] = 0
    dead_channels = names_of("benchmarks/revive_unet.py")["dead_channels"]
    block = "encoder_0_block_1"
    assert dead_channels(network, blends[:16])[block].all()
    assert not dead_channels(network, blends)[block].any()
    assert not dead_channels(network, blends[::-1])[block].any()


def test_new_channels_fire_on_half_of_the_pixels(names_of):
    network = random_unet(widths=(4, 8), blocks=1)
    silence(network, "encoder_1_block_1")
    blends = np.random.default_rng(1).random((32, 16, 16, 3), np.float32)
    blends[:16] *= 0.5
    names = names_of("benchmarks/revive_unet.py")
    keras.utils.set_random_seed(0)
    names["revive"](network, blends)
    fired = [
        (batch["encoder_1_block_1"] > 0).mean((0, 1, 2))
        for batch in names["activations"](network, "_relu_2", blends)
    ]
    np.testing.assert_allclose(np.mean(fired, 0), 0.5, atol=0.15)
    assert np.std(fired, 0).max() > 0.1


def test_scripts_prune_and_revive_a_network_of_a_file(tmp_path, galaxies, capsys, run_script):
    options = {"widths": [4, 8], "blocks": [1, 2], "decoders": 1, "space_to_depth": 1}
    facts = {"generator": "unet", "generator_options": options, "stamp_size": 24}
    network = random_unet(widths=(4, 8), blocks=(1, 2))
    silence(network, "encoder_1_block_1")
    save_generator(network, tmp_path / "n.keras", facts)
    given = [tmp_path / "n.keras", "--data", galaxies, "--blends", 16]
    run_script("benchmarks/prune_unet.py", *given, "--blocks", 1, 1, "--decoder-blocks", 1, 2,
               "--out", tmp_path / "pruned.keras")  # fmt: skip
    assert "without block {'encoder_1': 1}" in capsys.readouterr().out
    pruned = read_facts(tmp_path / "pruned.keras")["generator_options"]
    assert pruned == options | {"blocks": [1, 1], "decoder_blocks": [1, 2]}
    small = load_generator(tmp_path / "pruned.keras")
    assert small.count_params() == build_unet(**pruned).count_params()
    blends = np.random.default_rng(1).random((2, 16, 16, 3), np.float32)
    np.testing.assert_allclose(answers(small, blends), answers(network, blends), atol=1e-5)
    run_script("benchmarks/revive_unet.py", *given, "--out", tmp_path / "revived.keras")
    assert "encoder_1_block_1: 8 of 8 channels were dead" in capsys.readouterr().out
    assert read_facts(tmp_path / "revived.keras") == facts
