"""Leave residual blocks out of a trained U-Net where that costs least, to make it quicker.

    python benchmarks/prune_unet.py fast-10 --blocks 1 2 0 1 --decoder-blocks 2 2 3 0 \
        --data galaxy-zoo/ --out lean.keras

At each scale that is to have fewer, the finest first, the encoder loses one block at a time, then
the decoders. Each time that block is left out without which the PSNR is highest, over both galaxies
of blends of galaxies of the validation. What it adds to the pixels in the mean goes to the
convolution before it: a block of which no channel fires on any of them costs nothing.
"""

import argparse
import itertools
import re

import keras
import numpy as np

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.deblenders.load import find_weights
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.models.files import load_generator, save_generator
from kdeblend.models.unet import build_unet
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.score import mean_psnr

BLOCK = re.compile(r"(?P<stack>.+_\d+)_block_(?P<number>\d+)_(?P<layer>.+)")
SEED = 2  # training validates on the blends of seed 0, `mean_weights.py` on those of seed 1


def stacks(network, scale, encoder):
    """Return the names of the stacks of residual blocks at a scale, such as `encoder_1`."""
    found = (BLOCK.fullmatch(layer.name) for layer in network.layers)
    names = dict.fromkeys(match["stack"] for match in found if match)
    return [
        name
        for name in names
        if name.endswith(f"_{scale}") and name.startswith("encoder") == encoder
    ]


def name_before(name, left_out):
    """Return what a layer of the smaller network is called in the larger one.

    Args:
        name: Name of the layer.
        left_out: Number of the block that each stack of blocks loses, by its name.
    """
    match = BLOCK.fullmatch(name)
    if match is None or match["stack"] not in left_out:
        return name
    number = int(match["number"])
    number += number >= left_out[match["stack"]]
    return f"{match['stack']}_block_{number}_{match['layer']}"


def convolution_before(network, stack, number):
    """Return the name of the convolution to whose output a block adds its own.

    Args:
        network: `keras.Model` of `build_unet` with the block.
        stack: Name of the stack of the block.
        number: Number of the block.
    """
    names = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    if number > 1:
        return f"{stack}_block_{number - 1}_conv_2"
    if f"{stack}_up" in names:
        return f"{stack}_up"
    if stack.startswith("encoder"):
        return f"{stack}_conv"
    encoder = f"encoder_{stack.rpartition('_')[-1]}_"  # the coarsest blocks of a decoder follow it
    return [name for name in names if name.startswith(encoder)][-1]


def mean_outputs(network, blends):
    """Return what each block of a U-Net adds in the mean over all pixels of some blends.

    Args:
        network: `keras.Model` of `build_unet`.
        blends: Array `(n, height, width, bands)`.

    Returns:
        Array `(channels,)` by the names of the stack and the block, `encoder_0_block_1`.
    """
    means = {
        layer.name.removesuffix("_conv_2"): keras.ops.mean(layer.output, (1, 2))
        for layer in network.layers
        if layer.name.endswith("_conv_2")
    }
    found = keras.Model(network.inputs, means).predict(blends, verbose=0)
    return {name: each.mean(0) for name, each in found.items()}


def prune(large, small, left_out, means):
    """Give a U-Net the weights of one that has a block more in some stacks.

    Args:
        large: Trained `keras.Model` of `build_unet`.
        small: One that lacks the blocks.
        left_out: Number of the block that each stack of blocks loses, by its name.
        means: The `mean_outputs` of the large one.
    """
    for layer in small.layers:
        if layer.weights:
            layer.set_weights(large.get_layer(name_before(layer.name, left_out)).get_weights())
    for stack, number in left_out.items():
        layer = small.get_layer(convolution_before(large, stack, number))
        kernel, bias = layer.get_weights()
        mean = means[f"{stack}_block_{number}"]
        own = layer.name.startswith(stack)  # or that of the encoder, which all decoders read
        mean = mean if own else mean / len(left_out)
        layer.set_weights([kernel, bias + np.tile(mean, len(bias) // len(mean))])


def choices(network, scale, encoder, count):
    """Yield every way to leave one of `count` blocks out of the encoder or each decoder."""
    names = stacks(network, scale, encoder)
    for numbers in itertools.product(range(1, count + 1), repeat=len(names)):
        yield dict(zip(names, numbers, strict=True))


def psnr(generator, blends):
    """Return the mean PSNR in dB of a network over both galaxies of all blends."""
    deblender = NetworkDeblender(generator, trained_for=blends.blend_mode)
    return mean_psnr([deblender], blends)[deblender.name]


def best_without(large, small, ways, blends):
    """Leave out blocks in the best of some ways: return it and the PSNR; `small` lacks them."""
    means = mean_outputs(large, blends.take(range(len(blends))).blend)
    scores = {}
    for left_out in ways:
        prune(large, small, left_out, means)
        scores[tuple(left_out.items())] = psnr(small, blends)
    best = max(scores, key=scores.__getitem__)
    prune(large, small, dict(best), means)
    return dict(best), scores[best]


def blocks_of(weights, targets):
    """Return the residual blocks of a network that can be pruned to others.

    Args:
        weights: The network, as `find_weights` returns it.
        targets: Blocks at each scale that it shall have, by the option of `build_unet`.

    Returns:
        Those that it has, shaped as `targets`.

    Raises:
        SystemExit: If it is no U-Net of known shape, or has fewer blocks or other scales.
    """
    options = weights.facts.get("generator_options", {})
    if weights.facts.get("generator") != "unet" or not {"widths", "blocks"} <= options.keys():
        raise SystemExit(f"the network must be a U-Net of known shape. Received: {weights.path}")
    found = {}
    for option, wanted in targets.items():
        blocks = options.get(option)
        blocks = options["blocks"] if blocks is None else blocks
        found[option] = np.broadcast_to(blocks, len(options["widths"])).tolist()
        if len(wanted) != len(found[option]) or any(
            not 0 <= n <= m for n, m in zip(wanted, found[option], strict=True)
        ):
            raise SystemExit(
                f"there must be a number of {option} for each scale, from 0 to those of the "
                f"network, {found[option]}. Received: {wanted}"
            )
    return found


def main():
    """Prune the network of a preset or a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="preset, run folder or file")
    parser.add_argument("--blocks", nargs="+", type=int, required=True)
    parser.add_argument(
        "--decoder-blocks", nargs="+", type=int, help="default: the network's own, or --blocks"
    )
    parser.add_argument("--data", nargs="+", required=True, help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=256)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    weights = find_weights(arguments.network)
    targets = {
        "blocks": arguments.blocks,
        "decoder_blocks": arguments.decoder_blocks
        or weights.facts.get("generator_options", {}).get("decoder_blocks")
        or arguments.blocks,
    }
    blocks = blocks_of(weights, targets)
    network, facts = load_generator(weights.path), weights.facts
    options = facts["generator_options"] | blocks
    geometry = BlendGeometry(stamp_size=facts.get("stamp_size", 80), perturb="both")
    source = open_source(arguments.data, geometry.stamp_size)
    mode = facts.get("blend_mode", "max")
    blends = MadeBlends(source, arguments.blends, SEED, geometry, mode, side="validation")
    print(f"{arguments.network}: {psnr(network, blends):.3f} dB")
    for scale, option in itertools.product(range(len(arguments.blocks)), targets):
        for count in range(blocks[option][scale], targets[option][scale], -1):
            blocks[option][scale] = count - 1  # of `options`, too
            small = build_unet(**options | {"bands": source.bands, "blend_mode": mode})
            ways = choices(network, scale, option == "blocks", count)
            left_out, value = best_without(network, small, ways, blends)
            print(f"without block {left_out}: {value:.3f} dB", flush=True)
            network = small
    save_generator(network, arguments.out, {**facts, "generator_options": options})


if __name__ == "__main__":
    main()
