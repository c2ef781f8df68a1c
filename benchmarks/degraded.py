"""Measure how deblenders bear pictures that are soft, compressed, or of one band.

    python benchmarks/degraded.py fast-11 --data galaxy-zoo/

Blends of withheld galaxies, both flipped, turned and scaled, are degraded as pictures, and their
galaxies alike. Printed is the mean PSNR in dB over both, a column for each kind.
"""

import argparse
from dataclasses import replace

import numpy as np

from kdeblend.data.degradation import Degradation
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.scoring.blends import BlendSet, MadeBlends
from kdeblend.scoring.load import load_deblenders, trained_blend_mode
from kdeblend.scoring.score import mean_psnr

KINDS = {
    "as they are": Degradation(),
    "JPEG, quality 95": Degradation(quality=95),
    "quality 75": Degradation(quality=75),
    "blur of 0.8 pixels": Degradation(blur=0.8),
    "one band": Degradation(grey=True),
}


class Degraded(BlendSet):
    """Other blends, degraded.

    Args:
        blends: The blends as they are.
        degradation: What is done to each picture.
    """

    def __init__(self, blends, degradation):
        self._blends = blends
        self._degradation = degradation
        self.description = blends.description
        self.blend_mode = blends.blend_mode

    def __len__(self):
        return len(self._blends)

    def take(self, numbers):
        """Return the blends of some numbers."""
        chunk = self._blends.take(numbers)
        return replace(chunk, blend=self._through(chunk.blend), truth=self._through(chunk.truth))

    def _through(self, images):
        planes = np.moveaxis(images.reshape(-1, *images.shape[-3:]), -1, 1)
        degraded = np.stack([self._degradation(each) for each in planes])
        return np.moveaxis(degraded, 1, -1).reshape(images.shape)


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deblenders", nargs="+", help="presets, run folders, or names")
    parser.add_argument("--data", nargs="+", default=["hubble"], help="galaxies to blend")
    parser.add_argument("--blends", type=int, default=400)
    arguments = parser.parse_args()
    deblenders = load_deblenders(arguments.deblenders)
    blends = MadeBlends(
        open_source(arguments.data),
        arguments.blends,
        geometry=BlendGeometry(perturb="both"),
        blend_mode=trained_blend_mode(deblenders),
    )
    found = [mean_psnr(deblenders, Degraded(blends, each)) for each in KINDS.values()]
    print("| pictures |", " | ".join(KINDS), "|")
    print("| --- |" + " --- |" * len(KINDS))
    for name in found[0]:
        print(f"| {name} |", " | ".join(f"{psnr[name]:.2f}" for psnr in found), "|")


if __name__ == "__main__":
    main()
