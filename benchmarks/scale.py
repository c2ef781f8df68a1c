"""Measure networks on blends of galaxies that are larger, in pixels, than those of their training.

    python benchmarks/scale.py fast-11 --data galaxy-zoo/

The blends are of withheld galaxies, both flipped, turned and scaled, and show the same part of
the sky in more pixels: 120 and 240 a side where stamps have 80, which takes images of some 300
pixels and more. Printed is the mean PSNR in dB over both galaxies, of the network as it is and with
`scale`.
"""

import argparse

from kdeblend.data.geometry import BlendGeometry, downsampling
from kdeblend.data.open import open_source
from kdeblend.deblenders.deblender import Deblender
from kdeblend.scoring.blends import MadeBlends
from kdeblend.scoring.load import trained_blend_mode
from kdeblend.scoring.score import mean_psnr

STAMP_SIZE = 80
SIDES = (80, 120, 240)


def measure(name, source, blends, side, scale):
    """Return the mean PSNR in dB of a network on blends of one size.

    Args:
        name: Preset, run folder or file.
        source: Where the galaxies come from.
        blends: Number of blends.
        side: Pixels a side of each.
        scale: Factor to resample them by.
    """
    deblender = Deblender.from_preset(name, scale=scale)
    made = MadeBlends(
        source,
        blends,
        geometry=BlendGeometry(stamp_size=side, perturb="both"),
        blend_mode=trained_blend_mode([deblender]),
    )
    return mean_psnr([deblender], made)[deblender.name]


def scale_of(native_size, side):
    """Return the factor that makes galaxies on blends as large as those on stamps, in pixels.

    Args:
        native_size: Pixels a side of the pictures of the galaxies.
        side: Pixels a side of the blends.
    """
    return downsampling(native_size, side) / downsampling(native_size, STAMP_SIZE)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="preset, run folder or file")
    parser.add_argument("--data", nargs="+", required=True, help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=400)
    arguments = parser.parse_args()
    source = open_source(arguments.data)
    print("| pixels a side | scale | as it is | scaled |")
    print("| --- | --- | --- | --- |")
    for side in SIDES:
        scale = scale_of(source.native_size, side)
        found = [
            measure(arguments.network, source, arguments.blends, side, each) for each in (1, scale)
        ]
        print(f"| {side} | {scale:.3g} | {found[0]:.2f} | {found[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
