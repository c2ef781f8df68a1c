"""Blends per second, by core and by workers: `python benchmarks/blends.py [GALAXIES...]`.

Without galaxies of your own, synthetic ones of Galaxy Zoo's size are measured.
"""

import io
import os
import sys
import time

import numpy as np
from PIL import Image

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.data.sequence import BlendSequence
from kdeblend.data.source import GalaxySource
from kdeblend.io.images import read_image

GALAXIES = 300
SECONDS = 3.0
WARM_UP = 50


class JpegSource(GalaxySource):
    """Synthetic galaxies of 424 x 424 pixels as JPEGs in memory."""

    native_size = 424
    bands = 3

    def __init__(self, count):
        self.ids = [str(number) for number in range(count)]
        self.files = [self._draw(np.random.default_rng(number)) for number in range(count)]

    def image(self, index):
        """Decode one JPEG."""
        return read_image(io.BytesIO(self.files[index]), self.ids[index])

    @staticmethod
    def _draw(rng):
        y, x = np.mgrid[:424, :424] - 211.5
        disc = np.exp(-np.hypot(x, y * rng.uniform(1, 2)) / rng.uniform(15, 40))[..., None]
        noisy = 200 * disc * rng.uniform(0.5, 1, 3) + rng.normal(8, 4, (424, 424, 3))
        file = io.BytesIO()
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=75)
        return file.getvalue()


def blends_per_second(sequence):
    """Make batches in this thread, and count its processor time: other jobs do not matter."""
    done, start = 0, time.thread_time()
    while (elapsed := time.thread_time() - start) < SECONDS:
        sequence[done % len(sequence)]
        done += 1
    return done * sequence.batch_size / elapsed


def rows(source):
    """Measure each setting, from decoded images and from files."""
    indices = np.arange(min(GALAXIES, len(source)))
    settings = [("decoded", mode, "second") for mode in BLEND_MODES]
    settings += [("decoded", "max", "both"), ("from files", "max", "second")]
    for images, mode, perturb in settings:
        sequence = BlendSequence(
            source,
            indices,
            batches=200,
            blend_mode=mode,
            geometry=BlendGeometry(perturb=perturb),
            cache_gb=4.0 if images == "decoded" else 0.0,
        )
        if images == "decoded":
            for number in range(len(sequence)):
                sequence[number]
        yield images, mode, perturb, blends_per_second(sequence)


def workers_rows(source, workers):
    """Count blends by the clock, made in advance by threads and by processes."""
    for kind, count in (("threads", 1), ("threads", workers), ("processes", workers)):
        sequence = BlendSequence(
            source,
            np.arange(min(GALAXIES, len(source))),
            batches=10_000,
            workers=count,
            use_multiprocessing=kind == "processes",
            max_queue_size=4 * workers,
        )
        for number in range(WARM_UP):
            sequence[number]
        done, start = WARM_UP, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS:
            sequence[done]
            done += 1
        speed = (done - WARM_UP) * sequence.batch_size / elapsed
        yield f"{count} {kind}" if count > 1 else "1 thread", speed


def main():
    source = open_source(sys.argv[1:]) if len(sys.argv) > 1 else JpegSource(GALAXIES)
    print(f"native size {source.native_size}, {min(GALAXIES, len(source))} galaxies, one thread")
    print(f"{'images':<12}{'mode':<8}{'perturbed':<11}{'blends/s':>9}")
    for images, mode, perturb, speed in rows(source):
        print(f"{images:<12}{mode:<8}{perturb:<11}{speed:>9.0f}")
    workers = max(2, os.cpu_count() or 1)
    print(f"\n{'made by':<20}{'blends/s':>9}{'ratio':>7}")
    first = None
    for made_by, speed in workers_rows(source, workers):
        first = first or speed
        print(f"{made_by:<20}{speed:>9.0f}{speed / first:>7.2f}")


if __name__ == "__main__":
    main()
