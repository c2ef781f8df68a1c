"""Give the dead channels of a trained U-Net a new start without changing its answers.

    python benchmarks/revive_unet.py fast-10 --data galaxy-zoo/ --seed 21 --out revived.keras

A channel between the two convolutions of a residual block is dead if it never fires, on any pixel
of blends of galaxies of the training: no gradient reaches its weights any more, so training on
cannot bring it back. It gets new weights with which it fires on half of the pixels, and the second
convolution reads it with zeros, as in a new block.
"""

import argparse

import keras
import numpy as np
from keras import ops

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.deblenders.load import find_weights
from kdeblend.models.files import load_generator, save_generator
from kdeblend.scoring.blends import MadeBlends

SEED = 3
BATCH = 16


def activations(network, suffix, blends):
    """Yield the outputs of all layers whose names end in a suffix, by name, of each batch."""
    layers = [layer for layer in network.layers if layer.name.endswith(suffix)]
    probe = keras.Model(network.inputs, {layer.name: layer.output for layer in layers})
    for start in range(0, len(blends), BATCH):
        outputs = probe.predict_on_batch({network.inputs[0].name: blends[start : start + BATCH]})
        yield {name.removesuffix(suffix): output for name, output in outputs.items()}


def dead_channels(network, blends):
    """Return where the channels within each residual block never fire, by the block's name.

    Args:
        network: `keras.Model` of `build_unet`.
        blends: Array `(n, height, width, bands)`.

    Returns:
        Boolean array `(channels,)` of each block.
    """
    dead: dict[str, np.ndarray] = {}
    for batch in activations(network, "_relu_2", blends):
        for block, output in batch.items():
            silent = ~(output > 0).any((0, 1, 2))
            dead[block] = dead[block] & silent if block in dead else silent
    return dead


def new_kernels(network, dead):
    """Return a kernel `(side, side, in, channels)` for the dead channels of each block."""
    kernels = {}
    for block, silent in dead.items():
        kernel, _ = network.get_layer(f"{block}_conv_1").get_weights()
        new = keras.initializers.HeNormal()(kernel.shape)
        kernels[block] = ops.convert_to_numpy(new)[..., silent]
    return kernels


def medians(network, kernels, blends):
    """Return the median over all pixels of what each of the kernels makes of a block's input."""
    found: dict[str, list[np.ndarray]] = {block: [] for block in kernels}
    for batch in activations(network, "_relu_1", blends):
        for block, kernel in kernels.items():
            made = ops.conv(batch[block], kernel, padding="same")
            found[block].append(np.median(ops.convert_to_numpy(made), (0, 1, 2)))
    return {block: np.mean(each, 0) for block, each in found.items()}


def revive(network, blends):
    """Give the dead channels new weights, in place.

    Args:
        network: Trained `keras.Model` of `build_unet`.
        blends: Array `(n, height, width, bands)`, what the channels are silent on.

    Returns:
        Boolean array `(channels,)` of each block by its name, True where they were dead.
    """
    dead = dead_channels(network, blends)
    some = {block: silent for block, silent in dead.items() if silent.any()}
    kernels = new_kernels(network, some)
    levels = medians(network, kernels, blends)
    for block, silent in some.items():
        kernel, bias = network.get_layer(f"{block}_conv_1").get_weights()
        kernel[..., silent], bias[silent] = kernels[block], -levels[block]
        network.get_layer(f"{block}_conv_1").set_weights([kernel, bias])
        kernel, bias = network.get_layer(f"{block}_conv_2").get_weights()
        kernel[:, :, silent, :] = 0
        network.get_layer(f"{block}_conv_2").set_weights([kernel, bias])
    return dead


def main():
    """Revive the network of a preset or a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="preset, run folder or file")
    parser.add_argument("--data", nargs="+", required=True, help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    weights = find_weights(arguments.network)
    facts = weights.facts
    if facts.get("generator") != "unet":
        raise SystemExit(f"the network must be a U-Net of a training. Received: {weights.path}")
    network = load_generator(weights.path)
    if not any(layer.name.endswith("_relu_2") for layer in network.layers):
        raise SystemExit(f"the network must have residual blocks. Received: {weights.path}")
    geometry = BlendGeometry(stamp_size=facts.get("stamp_size", 80), perturb="both")
    source = open_source(arguments.data, geometry.stamp_size)
    mode = facts.get("blend_mode", "max")
    made = MadeBlends(source, arguments.blends, SEED, geometry, mode, side="train")
    blends = made.take(range(len(made))).blend
    before = np.stack(network.predict_on_batch(blends[:4]))
    keras.utils.set_random_seed(arguments.seed)
    for block, silent in revive(network, blends).items():
        print(f"{block}: {silent.sum()} of {len(silent)} channels were dead")
    after = np.stack(network.predict_on_batch(blends[:4]))
    print(f"largest difference of the answers, of 2: {np.abs(before - after).max():.2g}")
    save_generator(network, arguments.out, facts)


if __name__ == "__main__":
    main()
