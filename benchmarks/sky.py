"""Measure how deblenders bear a bright sky.

    python benchmarks/sky.py fast-5 --data galaxy-zoo/

Light is added to the pictures of both galaxies of a blend, as a brighter sky would; what lies
beyond their edge stays black. The galaxies are withheld ones, both flipped, turned and scaled.
Printed is the mean PSNR in dB over both, a column for each amount of light; 1 is the brightest
that a pixel can be.
"""

import argparse

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.metrics import METRICS
from kdeblend.scoring.blends import BlendSet, Chunk
from kdeblend.scoring.load import load_deblenders
from kdeblend.scoring.run import make_test_blends
from kdeblend.scoring.score import score

LIGHT = (0.0, 0.03, 0.1, 0.2)


class Lit(BlendSet):
    """The blends of another set, of galaxies with light added to their pictures."""

    def __init__(self, blends, light):
        self._blends = blends
        self._light = light
        self.description = blends.description
        self.blend_mode: str = blends.blend_mode

    def __len__(self):
        return len(self._blends)

    def take(self, numbers):
        """Return the blends of some numbers; what gets brighter than 1 is 1."""
        truth = self._blends.take(numbers).truth
        picture = truth.max(axis=-1, keepdims=True) > 0
        truth = np.minimum(truth + self._light * picture, 1)
        return Chunk(BLEND_MODES[self.blend_mode](truth[:, 0], truth[:, 1]), truth)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deblenders", nargs="+", help="presets, run folders, or names")
    parser.add_argument("--data", nargs="+", default=["hubble"], help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=400)
    arguments = parser.parse_args()
    deblenders = load_deblenders(arguments.deblenders)
    blends = make_test_blends(arguments.data, arguments.blends, perturb="both")
    metrics = {"psnr": METRICS["psnr"]}
    found = [score(deblenders, Lit(blends, light), metrics).values for light in LIGHT]
    print("| light added |", " | ".join(f"{light:g}" for light in LIGHT), "|")
    print("| --- |" + " --- |" * len(LIGHT))
    for name in found[0]:
        print(
            f"| {name} |", " | ".join(f"{values[name]['psnr'].mean():.2f}" for values in found), "|"
        )


if __name__ == "__main__":
    main()
