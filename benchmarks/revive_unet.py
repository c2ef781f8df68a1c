"""Give the dead channels of a trained U-Net a new start, to train it further.

    python benchmarks/revive_unet.py fast-10 --data galaxy-zoo/ hubble --degrade 0.2 \
        --lupton-share 0.2 --seed 21 --out revived.keras

A channel between the two convolutions of a residual block is dead if it fires on no pixel of blends
of galaxies of the training, made as in the training: hardly a gradient reaches its weights then. It
gets new weights with which it fires on half of the pixels, and the second convolution reads it with
zeros, as in a new block. So the network answers as before, unless an image is so unlike the blends
that a dead channel fired on it; printed is by how much on as many blends of the validation.
"""

import argparse

import keras
import numpy as np
from keras import ops

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.data.sequence import BlendSequence
from kdeblend.data.split import split_indices
from kdeblend.deblenders.load import find_weights
from kdeblend.models.files import load_generator, save_generator

SEED = 3  # scripts that choose networks use others
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


def blends_of(source, side, blends, **options):
    """Return blends of galaxies of one side of the split, `(n, height, width, bands)`."""
    sequence = BlendSequence(
        source,
        split_indices(source.ids)[side],
        batch_size=BATCH,
        batches=-(-blends // BATCH),
        seed=SEED,
        **options,
    )
    return np.concatenate([sequence[number][0] for number in range(len(sequence))])


def main():
    """Revive the network of a preset or a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="preset, run folder or file")
    parser.add_argument("--data", nargs="+", required=True, help="all galaxies of the training")
    parser.add_argument("--blends", type=int, default=512)
    parser.add_argument("--degrade", type=float, default=0.0, help="share of degraded blends")
    parser.add_argument("--lupton-share", type=float, default=0.0, help="share of blends by lupton")
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
    geometry = BlendGeometry(stamp_size=facts.get("stamp_size", 80), perturb="either")
    source = open_source(arguments.data, geometry.stamp_size)
    seen, others = (
        blends_of(
            source,
            side,
            arguments.blends,
            geometry=geometry,
            blend_mode=facts.get("blend_mode", "max"),
            degrade=arguments.degrade,
            lupton_share=arguments.lupton_share,
        )
        for side in ("train", "validation")
    )
    before = np.stack(network.predict(others, batch_size=BATCH, verbose=0))
    keras.utils.set_random_seed(arguments.seed)
    for block, silent in revive(network, seen).items():
        print(f"{block}: {silent.sum()} of {len(silent)} channels were dead")
    after = np.stack(network.predict(others, batch_size=BATCH, verbose=0))
    change = np.abs(after - before)
    print(f"answers changed by {change.mean():.1g} of 2 in the mean, {change.max():.1g} at most")
    save_generator(network, arguments.out, facts)


if __name__ == "__main__":
    main()
