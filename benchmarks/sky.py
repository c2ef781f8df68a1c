"""Measure how deblenders bear a bright sky.

    python benchmarks/sky.py fast-11 --data galaxy-zoo/

Light is added to the pictures of both galaxies of a blend, as a brighter sky would; what lies
beyond their edge stays black. The galaxies are withheld ones, both flipped, turned and scaled.
Printed is the mean PSNR in dB over both, a column for each amount of light; 1 is the brightest
that a pixel can be.
"""

import argparse
from dataclasses import replace

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.data.source import GalaxySource
from kdeblend.scoring.blends import BlendSet, MadeBlends
from kdeblend.scoring.load import load_deblenders, trained_blend_mode
from kdeblend.scoring.score import mean_psnr

LIGHT = (0.0, 0.03, 0.1, 0.2)
GEOMETRY = BlendGeometry(perturb="both")


class White(GalaxySource):
    """Pictures of the size and names of other galaxies, all white."""

    def __init__(self, source):
        self.ids = source.ids
        self.bands = source.bands
        self.native_size = source.native_size
        self._source = source

    @property
    def parts(self):
        """The parts of the other source."""
        return self._source.parts

    def image(self, index):
        """Return a white picture, float32 `(native, native, bands)`."""
        return np.ones_like(self._source.image(index), np.float32)


class Lit(BlendSet):
    """Blends of withheld galaxies with light added to their pictures, no light beyond their edge.

    Args:
        source: Where the galaxies come from.
        blends: Number of blends.
        blend_mode: Name of a registered blend mode.
        light: How much light to add; what gets brighter than 1 is 1.
    """

    def __init__(self, source, blends, blend_mode, light):
        self._dark, self._sky = (
            MadeBlends(each, blends, geometry=GEOMETRY, blend_mode=blend_mode)
            for each in (source, White(source))
        )
        self._light = light
        self.description = self._dark.description
        self.blend_mode: str = blend_mode

    def __len__(self):
        return len(self._dark)

    def take(self, numbers):
        """Return the blends of some numbers."""
        dark = self._dark.take(numbers)
        truth = np.minimum(dark.truth + self._light * self._sky.take(numbers).truth, 1)
        blend = np.array([BLEND_MODES[self.blend_mode](*pair) for pair in truth])
        return replace(dark, blend=blend, truth=truth)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deblenders", nargs="+", help="presets, run folders, or names")
    parser.add_argument("--data", nargs="+", default=["hubble"], help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=400)
    arguments = parser.parse_args()
    deblenders = load_deblenders(arguments.deblenders)
    source = open_source(arguments.data)
    mode = trained_blend_mode(deblenders)
    found = [mean_psnr(deblenders, Lit(source, arguments.blends, mode, light)) for light in LIGHT]
    print("| light added |", " | ".join(f"{light:g}" for light in LIGHT), "|")
    print("| --- |" + " --- |" * len(LIGHT))
    for name in found[0]:
        print(f"| {name} |", " | ".join(f"{psnr[name]:.2f}" for psnr in found), "|")


if __name__ == "__main__":
    main()
