"""Write a blend of two Hubble galaxies that no training has seen, and the two alone.

    python examples/make_blend.py --number 3 --out blend.png

writes blend.png, blend_truth_1.png (the central galaxy) and blend_truth_2.png.
"""

import argparse
from pathlib import Path

import numpy as np

from kdeblend.io.images import from_float, write_image
from kdeblend.scoring.run import make_test_blends


def main():
    """Make the blend and write the three images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=0, help="which of the test blends")
    parser.add_argument("--blend-mode", default="max", help="how light adds up: max, sum, mixed")
    parser.add_argument("--out", type=Path, default=Path("blend.png"))
    arguments = parser.parse_args()
    blends = make_test_blends(blends=arguments.number + 1, blend_mode=arguments.blend_mode)
    chunk = blends.take([arguments.number])
    images = [chunk.blend[0], *chunk.truth[0]]
    for suffix, image in zip(("", "_truth_1", "_truth_2"), images, strict=True):
        path = arguments.out.with_stem(arguments.out.stem + suffix)
        write_image(path, from_float(image, np.uint8))
        print(path)


if __name__ == "__main__":
    main()
