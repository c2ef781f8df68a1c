"""Draw what a network makes of blends of Hubble galaxies that no training has seen.

    python examples/compare.py run --numbers 0 5 9 --out comparison.png

One row a blend: the blend, each galaxy as found and as it was, with the PSNR in dB.
"""

import argparse

import numpy as np

from kdeblend import METRICS, Deblender
from kdeblend.deblenders.panel import draw_panel
from kdeblend.io.images import write_image
from kdeblend.scoring.load import trained_blend_mode
from kdeblend.scoring.run import make_test_blends


def row(blend, truth, found):
    """Return one row of the picture, uint8 `(height, width, 3)`."""
    scores = [METRICS["psnr"](t, f) for t, f in zip(truth, found, strict=True)]
    images = [blend, found[0], truth[0], found[1], truth[1]]
    labels = ["blend", f"central, {scores[0]:.1f} dB", "truth", f"other, {scores[1]:.1f} dB"]
    return draw_panel(images, [*labels, "truth"])


def main():
    """Deblend some test blends and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="preset, run folder or .keras file")
    parser.add_argument("--numbers", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument(
        "--consistent",
        action="store_true",
        default=None,
        help="make the layers agree with the blend",
    )
    parser.add_argument("--out", default="comparison.png")
    arguments = parser.parse_args()
    deblender = Deblender.from_preset(arguments.weights, consistent=arguments.consistent)
    mode = trained_blend_mode([deblender])
    blends = make_test_blends(blends=max(arguments.numbers) + 1, blend_mode=mode)
    chunk = blends.take(arguments.numbers)
    layers = deblender.deblend(chunk.blend)
    write_image(arguments.out, np.concatenate(list(map(row, chunk.blend, chunk.truth, layers))))
    print(arguments.out)


if __name__ == "__main__":
    main()
