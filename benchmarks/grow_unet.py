"""Make a trained U-Net wider or deeper without changing its answers, to train it further.

    python benchmarks/grow_unet.py fast-6 --widths 32 64 128 192 --blocks 2 3 3 2 --seed 12 \
        --out grown.keras

Further residual blocks begin with a second convolution of zeros, and what further channels hold is
not read by the convolutions that were there. The scales stay as many as they were.
"""

import argparse
import re

import keras
import numpy as np

from kdeblend.deblenders.load import find_weights
from kdeblend.models.files import load_generator, save_generator
from kdeblend.models.unet import build_unet

GROUPS = 4
"""Squares of 2 x 2 pixels become channels between scales, and channels become squares."""


def split(array, axis, groups):
    """Return an array with its channels, on one axis, as `(groups, channels of each)`."""
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def paste(name, small, large):
    """Return kernel and bias of the large network's layer that does what the small one's does.

    Args:
        name: Name of the convolution.
        small: Kernel `(side, side, in, out)` and bias `(out,)`.
        large: The same of the large network, as initialised.
    """
    down, up = re.fullmatch(r"encoder_[1-9]\d*_conv", name), name.endswith("_up")
    groups_in, groups_out = GROUPS if down else 1, GROUPS if up else 1
    old, new = (split(split(kernel, 3, groups_out), 2, groups_in) for kernel, _ in (small, large))
    old_bias, new_bias = (split(bias, 0, groups_out) for _, bias in (small, large))
    inputs, outputs = old.shape[3], old.shape[5]
    new[..., : None if up else outputs] = 0  # what goes up is added to a skip, and adds nothing new
    new[:, :, :, :inputs, :, :outputs] = old
    new_bias[:, :outputs] = old_bias
    return new.reshape(large[0].shape), new_bias.reshape(large[1].shape)


def grow(small, large):
    """Give a larger U-Net, as initialised, the weights of a smaller one.

    Args:
        small: Trained `keras.Model` of `build_unet`.
        large: One of as many scales, and at least as many channels and blocks.

    Raises:
        ValueError: If it is not.
    """
    names = {layer.name for layer in small.layers}
    extra = names - {layer.name for layer in large.layers}
    if extra:
        raise ValueError(f"the large network must have every layer. Received: no {sorted(extra)}")
    for layer in large.layers:
        if layer.weights and layer.name in names:
            own = [np.array(weight) for weight in layer.get_weights()]
            layer.set_weights(paste(layer.name, small.get_layer(layer.name).get_weights(), own))


def main():
    """Grow the network of a preset or a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="preset, run folder or file")
    parser.add_argument("--widths", nargs="+", type=int, required=True)
    parser.add_argument("--blocks", nargs="+", type=int, required=True)
    parser.add_argument(
        "--decoder-blocks", nargs="+", type=int, help="default: the network's own, or --blocks"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    weights = find_weights(arguments.network)
    small = load_generator(weights.path)
    facts = weights.facts
    options = facts.get("generator_options", {})
    if len(options.get("widths", ())) != len(arguments.widths):
        raise SystemExit(f"the network must be a U-Net of {len(arguments.widths)} scales")
    own = {
        "widths": arguments.widths,
        "blocks": arguments.blocks,
        "decoder_blocks": arguments.decoder_blocks
        or options.get("decoder_blocks")
        or arguments.blocks,
        "bands": small.inputs[0].shape[-1],
        "blend_mode": small.get_layer("head").blend_mode,
    }
    keras.utils.set_random_seed(arguments.seed)
    large = build_unet(**options | own)
    grow(small, large)
    blends = np.random.default_rng(0).random((4, 80, 80, own["bands"]), np.float32)
    before, after = (np.stack(net.predict_on_batch(blends)) for net in (small, large))
    print(f"largest difference of the answers, of 2: {np.abs(before - after).max():.2g}")
    grown = {name: own[name] for name in ("widths", "blocks", "decoder_blocks")}
    save_generator(large, arguments.out, {**facts, "generator_options": options | grown})


if __name__ == "__main__":
    main()
