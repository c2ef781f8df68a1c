"""Which blends the report shows, and their pictures."""

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kdeblend.io.images import as_rgb
from kdeblend.metrics.psnr import psnr
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.report.faults import FAULTS, Answered, Fault
from kdeblend.scoring.scores import Scores

ExampleFunction = Callable[[str, Sequence[int]], tuple[Chunk, np.ndarray]]

SHOWN = 3
SHOWN_PER_FAULT = 2
EXAMINED = 48
AT_ONCE = 16
LARGEST_SIDE = 160
QUALITY = 90


@dataclass(frozen=True)
class Panel:
    """Pictures of one blend, of two true and of two found galaxies.

    Args:
        number: Number of the blend.
        blend: JPEG as a data URI.
        truth: The same for the true galaxies, the central one first.
        found: The same for the layers found.
        psnr: PSNR of each layer in dB; NaN, and black pictures, where the deblender failed.
        strength: By how much a rule is met, and of which layer, or None.
    """

    number: int
    blend: str
    truth: tuple[str, str]
    found: tuple[str, str]
    psnr: tuple[float, float]
    strength: tuple[float, int] | None = None


def ranked(scores: Scores, name: str) -> np.ndarray:
    """Return the numbers of a deblender's blends from the lowest to the highest PSNR.

    The PSNR of a blend is the mean over its two layers; blends without one, such as those
    that the deblender failed on, are left out.
    """
    means = scores.values[name]["psnr"].mean(axis=1)
    numbers = np.argsort(means, kind="stable")
    return numbers[~np.isnan(means[numbers])]


def best_median_worst(
    scores: Scores, examples: ExampleFunction, name: str
) -> Iterator[tuple[str, list[Panel]]]:
    """Yield the panels of a deblender's best, median and worst blends; none appears twice.

    Few blends are shared out among the three, the best first.

    Args:
        scores: Single scores.
        examples: Gives blends and layers by deblender and numbers.
        name: The deblender.
    """
    order = ranked(scores, name)
    count = len(order)
    best, worst, median = (min(SHOWN, (count + extra) // 3) for extra in (2, 1, 0))
    start = worst + (count - best - worst - median) // 2
    groups = {
        "Best": order[count - best :][::-1],
        "Median": order[start : start + median],
        "Worst": order[:worst],
    }
    for title, numbers in groups.items():
        if len(numbers):
            chunk, layers = examples(name, numbers.tolist())
            yield (
                title,
                [_panel(chunk, layers, row, number) for row, number in enumerate(numbers)],
            )


def faulty(
    scores: Scores, examples: ExampleFunction, name: str
) -> Iterator[tuple[Fault, int, list[Panel]]]:
    """Yield each kind of failure, on how many blends it was found, and the strongest panels.

    Only the blends with the lowest PSNR of a layer are looked at, `EXAMINED` at most.

    Args:
        scores: Single scores.
        examples: Gives blends and layers by deblender and numbers.
        name: The deblender.
    """
    numbers = examined(scores, name)
    found: list[list[tuple[float, Panel]]] = [[] for _ in FAULTS]
    for start in range(0, len(numbers), AT_ONCE):
        part = numbers[start : start + AT_ONCE]
        chunk, layers = examples(name, part)
        for row, number in enumerate(part):
            for kind, fault in enumerate(FAULTS):
                strength, layer = _strongest(fault, chunk, layers, row)
                if strength > fault.limit:
                    panel = _panel(chunk, layers, row, number, (strength, layer))
                    found[kind].append((strength, panel))
    for fault, cases in zip(FAULTS, found, strict=True):
        cases.sort(key=lambda case: -case[0])
        yield fault, len(cases), [panel for _, panel in cases[:SHOWN_PER_FAULT]]


def examined(scores: Scores, name: str) -> list[int]:
    """Return the numbers of the blends that are looked at for kinds of failure."""
    lowest = scores.values[name]["psnr"].min(axis=1)
    numbers = np.argsort(lowest, kind="stable")
    return numbers[~np.isnan(lowest[numbers])][:EXAMINED].tolist()


def _strongest(fault: Fault, chunk: Chunk, layers: np.ndarray, row: int) -> tuple[float, int]:
    """Return the strength of a fault on a blend, and which layer has it."""
    truth, found = chunk.truth[row], layers[row]
    valid = chunk.valid[row]
    strengths = [
        fault.strength(Answered(truth[n], truth[1 - n], found[n], found[1 - n], valid))
        for n in range(2)
    ]
    strengths = [-np.inf if np.isnan(each) else each for each in strengths]
    layer = int(np.argmax(strengths))
    return strengths[layer], layer


def _panel(
    chunk: Chunk,
    layers: np.ndarray,
    row: int,
    number: int,
    strength: tuple[float, int] | None = None,
) -> Panel:
    truth, found = chunk.truth[row], layers[row]
    first, second = (psnr(t, f, chunk.valid[row]) for t, f in zip(truth, found, strict=True))
    return Panel(
        int(number),
        data_uri(chunk.blend[row]),
        (data_uri(truth[0]), data_uri(truth[1])),
        (data_uri(found[0]), data_uri(found[1])),
        (first, second),
        strength,
    )


def data_uri(image: np.ndarray) -> str:
    """Return an image `(height, width, bands)` in [0, 1] as a JPEG in a data URI.

    NaN is black. Large ones are made smaller, so that a page with many stays small.
    """
    picture = Image.fromarray(as_rgb(np.nan_to_num(image)))
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
