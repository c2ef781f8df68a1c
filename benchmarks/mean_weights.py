"""Find the mean of the weights of two networks that deblends best, and save it.

    python benchmarks/mean_weights.py fast-7 run --data galaxy-zoo/ --out mean.keras

The second network must have been trained on from the first, or both from a third one. Printed is
the mean PSNR in dB of each share of the second, over both galaxies, on blends of galaxies of the
validation, in half of which only the other galaxy is flipped, turned and scaled, in half both;
`--degrade` and `--lupton-share` are those of the training.

Reference: [Wortsman et al., 2022](https://arxiv.org/abs/2203.05482)
"""

import argparse

import numpy as np

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.deblenders.load import find_weights
from kdeblend.deblenders.network import NetworkDeblender
from kdeblend.models.files import load_generator, save_generator
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.score import mean_psnr

SHARES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
SEED = 1  # training validates on the blends of seed 0


def mean_weights(first, second, share):
    """Return the mean of two lists of weights, the second one with this share."""
    return [(1 - share) * a + share * b for a, b in zip(first, second, strict=True)]


def psnr(generator, blends, blend_mode, mixed_precision):
    """Return the mean PSNR in dB of a network over both galaxies of all blends.

    Args:
        generator: The network.
        blends: Sets of blends.
        blend_mode: How they were made, and those that the network has learnt from.
        mixed_precision: Whether to compute in bfloat16.
    """
    deblender = NetworkDeblender(generator, mixed_precision=mixed_precision, trained_for=blend_mode)
    return float(np.mean([mean_psnr([deblender], each)[deblender.name] for each in blends]))


def main():
    """Print a table and save the best mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", help="preset, run folder or file")
    parser.add_argument("second", help="the same, trained on from the first")
    parser.add_argument("--data", nargs="+", required=True, help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=1024)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--degrade", type=float, default=0.0, help="share of degraded blends")
    parser.add_argument("--lupton-share", type=float, default=0.0, help="share of blends by lupton")
    parser.add_argument("--mixed-precision", action="store_true", help="compute in bfloat16")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    found = [find_weights(name) for name in (arguments.first, arguments.second)]
    first, generator = (load_generator(each.path) for each in found)
    pair = first.get_weights(), generator.get_weights()
    facts = found[1].facts
    count, mode = -(-arguments.blends // 2), facts.get("blend_mode", "max")
    geometries = [
        BlendGeometry(stamp_size=facts.get("stamp_size", 80), perturb=setting)
        for setting in ("second", "both")
    ]
    source = open_source(arguments.data, geometries[0].stamp_size)
    blends = [
        MadeBlends(
            source,
            count,
            SEED,
            each,
            mode,
            side="validation",
            degrade=arguments.degrade,
            lupton_share=arguments.lupton_share,
        )
        for each in geometries
    ]
    scores = {}
    print("share of the second    PSNR, dB")
    for share in arguments.shares:
        generator.set_weights(mean_weights(*pair, share))
        scores[share] = psnr(generator, blends, mode, arguments.mixed_precision)
        print(f"{share:19.2f} {scores[share]:11.3f}", flush=True)
    best = max(scores, key=scores.__getitem__)
    generator.set_weights(mean_weights(*pair, best))
    save_generator(generator, arguments.out, facts)
    print(f"{arguments.out}: {best:.2f} of {found[1].name}, the rest of {found[0].name}")


if __name__ == "__main__":
    main()
