"""Time deblending files against deblending arrays: what reading, and writing three files, adds.

    python benchmarks/files.py fast-11

Blends of Hubble galaxies, 8 bits, as PNG files. `identity` deblends in no time, so that its row is
what reading and writing take; otherwise they go on while the next batch is deblended. The last
column is the time over that of the first row.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.files import deblend_files
from kdeblend.io.images import from_float, write_image
from kdeblend.presets import DEFAULT_PRESET
from kdeblend.scoring.run import make_test_blends


def seconds(work):
    """Return how long a function takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    """Print a table of milliseconds a stamp."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deblender", nargs="?", default=DEFAULT_PRESET, help="preset, run or name")
    parser.add_argument("--stamps", type=int, default=320)
    arguments = parser.parse_args()
    deblender = Deblender.from_preset(arguments.deblender)
    blends = np.concatenate([c.blend for c in make_test_blends(blends=arguments.stamps).chunks()])
    deblender.deblend(blends[: deblender.batch_size])  # compiles
    with tempfile.TemporaryDirectory() as folder:
        stamps = Path(folder, "stamps")
        stamps.mkdir()
        for number, blend in enumerate(blends):
            write_image(stamps / f"{number}.png", from_float(blend, np.uint8))
        files = {
            each.name: seconds(partial(deblend_files, [stamps], each, Path(folder, each.name)))
            for each in (deblender, Deblender.from_preset("identity"))
        }
    arrays = seconds(partial(deblender.deblend, blends))
    print(f"{'':<32}{'ms a stamp':>12}{'ratio':>8}")
    rows = {f"arrays, {deblender.name}": arrays} | {f"files, {key}": t for key, t in files.items()}
    for name, taken in rows.items():
        print(f"{name:<32}{1000 * taken / len(blends):>12.2f}{taken / arrays:>8.2f}")


if __name__ == "__main__":
    main()
