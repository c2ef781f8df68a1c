"""Measure a preset and write the scores into its card.

    python benchmarks/preset_card.py fast-1 --data galaxy-zoo/ --panels panels.npz

Blends of galaxies withheld from training are made in both settings of `perturb`, and in one also
with light that adds up, as on the sky. `--panels` is an .npz file as `kdeblend score` takes it,
with the answers of others; each of these is also scored after it was made consistent with the
blend, and the preset also with one and with all flips and turns. On the withheld blends it is also
scored in bfloat16. `--consistent` makes the preset's own answers consistent too, as was the default
when `fast-1` to `fast-3` and `paper-1` were measured. What stands between the two marks of
kdeblend/presets/NAME.md is replaced, and the PSNR where both galaxies are perturbed is entered in
index.json, unless `--blends` asks for another number than the other presets were measured on. At
the end comes the command that draws the best, the median and the worst of 400 blends of Hubble
galaxies.
"""

import argparse
import json
import time
from dataclasses import replace

import keras
import numpy as np

from kdeblend.backend import describe_device
from kdeblend.deblenders.consistency import make_consistent
from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.orientations import COUNTS
from kdeblend.io.atomic import write_json, write_text
from kdeblend.metrics import METRICS
from kdeblend.presets import FOLDER, find_preset, list_presets, preset_card
from kdeblend.scoring.blends import BlendSet
from kdeblend.scoring.load import load_deblenders
from kdeblend.scoring.read_blends import ReadBlends
from kdeblend.scoring.run import make_test_blends
from kdeblend.scoring.score import score

MARKS = ("<!-- scores -->", "<!-- end of scores -->")
METRIC_NAMES = ("psnr", "ssim", "ssim_range2")
THIRDS = {
    "separation": "distance of the two galaxies, pixels",
    "hidden": "share of the galaxy that the other hides",
    "flux_ratio": "flux of the galaxy over that of the other",
}
BLENDS, HUBBLE_BLENDS = 3200, 400
BATCH, REPEATS = 32, 7


class Panels(BlendSet):
    """Blends of a file whose predictions come a second time, made consistent with the blend."""

    def __init__(self, path):
        self._read = ReadBlends(path)
        self.description = self._read.description
        self.blend_mode = self._read.blend_mode
        consistent = (f"{name}, made consistent" for name in self._read.predictions)
        self.predictions = (*self._read.predictions, *consistent)

    def __len__(self):
        return len(self._read)

    def take(self, numbers):
        """Read the blends of some numbers, with the additional predictions."""
        chunk = self._read.take(numbers)
        given = chunk.predictions.values()
        made = [make_consistent(chunk.blend, layers, "max") for layers in given]
        layers = zip(self.predictions, [*given, *made], strict=True)
        return replace(chunk, predictions=dict(layers))


def measure(blends, *deblenders):
    """Return all scores of the blend itself, of the deblenders and of the predictions."""
    metrics = {metric: METRICS[metric] for metric in METRIC_NAMES}
    scores = score([*load_deblenders([]), *deblenders], blends, metrics)
    if any(scores.failures.values()):
        raise SystemExit(f"every blend must be deblended. Received: {scores.failures}")
    return scores


def load(name, consistent, orientations=None, mixed_precision=False):
    """Return a preset, called by what it is asked for beside its defaults."""
    deblender = Deblender.from_preset(
        name,
        consistent=consistent,
        orientations=orientations,
        mixed_precision=mixed_precision,
    )
    if orientations:
        deblender.name += f", {orientations} orientation{'s' * (orientations > 1)}"
    if mixed_precision:
        deblender.name += ", bfloat16"
    if consistent:
        deblender.name += ", made consistent"
    return deblender


def other_averages(name, consistent):
    """Return the preset with one and with all flips and turns, whichever is not its default."""
    default = list_presets()[name]["orientations"]
    return [
        load(name, consistent, count) for count in (min(COUNTS), max(COUNTS)) if count != default
    ]


def score_rows(title, scores):
    """Yield the lines of the table of scores."""
    for name, values in scores.values.items():
        psnr = values["psnr"]
        figures = [psnr.mean(), *psnr.mean(axis=0), np.median(psnr)]
        ssims = [values[metric].mean() for metric in METRIC_NAMES[1:]]
        cells = [f"{v:.2f}" for v in figures] + [f"{v:.3f}" for v in ssims]
        yield f"| {title} | {name} | " + " | ".join(cells) + " |"


def thirds_rows(name, scores):
    """Yield the lines of the table of PSNR by thirds of what a blend is like."""
    psnr = scores.values[name]["psnr"]
    for key, words in THIRDS.items():
        values = scores.properties[key]
        low, high = np.nanquantile(values, [1 / 3, 2 / 3])
        parts = (values < low, (values >= low) & (values < high), values >= high)
        means = " | ".join(f"{psnr[part].mean():.2f}" for part in parts)
        yield f"| {words} | {low:.3g} | {high:.3g} | {means} |"


def milliseconds(preset):
    """Return the median milliseconds a stamp of batches of 32 blends."""
    blends = np.random.default_rng(0).random((BATCH, 80, 80, 3), np.float32)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        preset.deblend_batch(blends)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[2:])) / BATCH


def hubble_examples(preset):
    """Return the numbers of the best, the median and the worst blend of Hubble galaxies."""
    blends = make_test_blends(blends=HUBBLE_BLENDS, blend_mode=preset.blend_mode)
    scores = measure(blends, preset)
    order = np.argsort(scores.values[preset.name]["psnr"].mean(axis=1))
    return int(order[-1]), int(order[len(order) // 2]), int(order[0])


def measure_everywhere(preset, others, bfloat16, data, panels, blends):
    """Return scores by the title of their blends; `others` are for the panels alone.

    `bfloat16` is for the withheld blends alone, of which there are enough to tell it apart.
    """
    scores = {}
    if panels:
        read = Panels(panels)
        scores[f"{len(read)} panels"] = measure(read, preset, *others)
    settings = {
        "`second`": ("second", preset.blend_mode),
        "`both`, light adds up (`lupton`)": ("both", "lupton"),
        "`both`": ("both", preset.blend_mode),
    }
    for title, (perturb, mode) in settings.items():
        made = make_test_blends(data, blends, perturb=perturb, blend_mode=mode)
        scores[f"{blends} withheld, {title}"] = measure(made, preset, bfloat16)
    return scores


def card_section(preset, bfloat16, scores):
    """Yield the lines of the card between its two marks."""
    yield "| blends | answer | PSNR | central | other | median | SSIM, range 1 | range 2 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for title, each in scores.items():
        yield from score_rows(title, each)
    yield ""
    yield "Mean PSNR in dB by thirds of the last set:"
    yield ""
    yield "| | first third below | last third from | first | middle | last |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield from thirds_rows(preset.name, list(scores.values())[-1])
    yield ""
    yield (
        f"{milliseconds(preset):.1f} ms a stamp of 80 x 80 pixels in batches of {BATCH}, "
        f"{milliseconds(bfloat16):.1f} ms in bfloat16, Keras {keras.__version__} on "
        f"{describe_device()}."
    )


def enter_psnr(name, psnr):
    """Write the PSNR of a preset into the index."""
    path = FOLDER / "index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["presets"][name]["psnr"] = round(float(psnr), 2)
    write_json(path, index)


def main():
    """Measure one preset and rewrite its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preset")
    parser.add_argument("--data", nargs="+", required=True, help="galaxies to blend")
    parser.add_argument("--panels", help=".npz file of blends with truth and others' answers")
    parser.add_argument("--blends", type=int, default=BLENDS)
    parser.add_argument(
        "--consistent",
        action="store_true",
        default=None,
        help="make the preset's layers consistent",
    )
    arguments = parser.parse_args()
    name = find_preset(arguments.preset)
    path = preset_card(arguments.preset)
    before, begin, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise SystemExit(f"{path} must hold the lines {MARKS[0]} and {MARKS[1]}")
    preset = load(name, arguments.consistent)
    others = other_averages(name, arguments.consistent)
    bfloat16 = load(name, arguments.consistent, mixed_precision=True)
    scores = measure_everywhere(
        preset, others, bfloat16, arguments.data, arguments.panels, arguments.blends
    )
    section = "\n".join([MARKS[0], *card_section(preset, bfloat16, scores), MARKS[1]])
    write_text(path, before + section + after)
    if arguments.blends == BLENDS:
        enter_psnr(name, list(scores.values())[-1].values[name]["psnr"].mean())
    numbers = " ".join(map(str, hubble_examples(preset)))
    picture = path.with_suffix(".png")
    option = " --consistent" if arguments.consistent else ""
    print(f"python examples/compare.py {name} --numbers {numbers}{option} --out {picture}")


if __name__ == "__main__":
    main()
