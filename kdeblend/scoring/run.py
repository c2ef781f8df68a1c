"""One scoring: which deblenders, on which blends, into which folder."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.open import open_source
from kdeblend.deblenders.deblender import Deblender
from kdeblend.io.atomic import write_json
from kdeblend.metrics import METRICS
from kdeblend.scoring.answers import TimedDeblender
from kdeblend.scoring.blends import CHUNK, BlendSet, Chunk, MadeBlends
from kdeblend.scoring.fitting import fit_deblenders
from kdeblend.scoring.measure import Metric
from kdeblend.scoring.parts import PartsFolder
from kdeblend.scoring.report.report import write_report
from kdeblend.scoring.score import names_of_parts, score
from kdeblend.scoring.scores import Scores, write_galaxy_ids
from kdeblend.scoring.summary import summarise


def make_test_blends(
    data: Sequence[str] = ("hubble",),
    blends: int = 3200,
    seed: int = 0,
    perturb: str = "second",
    blend_mode: str = "max",
    side: str = "test",
) -> MadeBlends:
    """Make test blends from the withheld galaxies of `data`.

    Args:
        data: Paths of galaxies, or `"hubble"`.
        blends: Number of blends.
        seed: Seed of everything random.
        perturb: Which galaxies are perturbed: `"second"`, `"both"`, or `"either"`, which is
            `"both"` in half of the blends.
        blend_mode: Name of a registered blend mode.
        side: `"test"`, or `"validation"` for blends to tune deblenders on.

    Raises:
        OSError: If a path does not exist.
        ValueError: If nothing usable is there, or an argument is wrong.
    """
    geometry = BlendGeometry(perturb=perturb)
    source = open_source(data, geometry.stamp_size)
    made = MadeBlends(source, blends, seed, geometry, blend_mode, side)
    made.description = {"data": list(data), **made.description}
    return made


class Examples:
    """Single blends again, with what a deblender finds on them.

    Args:
        deblenders: Those that were scored.
        blends: The blends that they were scored on.
    """

    def __init__(self, deblenders: Sequence[Deblender], blends: BlendSet):
        self._blends = blends
        self._deblenders = {each.name: TimedDeblender(each) for each in deblenders}

    def __call__(self, name: str, numbers: Sequence[int]) -> tuple[Chunk, np.ndarray]:
        """Return some blends and the layers found, matched to the truth as for the scores.

        Args:
            name: A deblender, or a prediction that came with the blends.
            numbers: Numbers of the blends.

        Returns:
            The blends, and an array `(n, 2, height, width, bands)`, NaN for a blend that
            the deblender failed on.
        """
        chunk = self._blends.take(numbers)
        if name in chunk.predictions:
            return chunk, chunk.predictions[name]
        return chunk, self._deblenders[name](chunk).layers


class ScoringRun:
    """One scoring into one folder, which can be stopped at any time and go on.

    Of several processes one at a time may work in the folder: `kdeblend.io.locks.locked`.

    Args:
        deblenders: What to score.
        blends: The test blends.
        out: Folder to write to, made if it is not there.
        resume: Go on with the scoring that is there.
        processes: In how many processes deblenders that allow it, and the metrics, run.
        metrics: What to measure, by name.

    Raises:
        OSError: If the folder cannot be written to.
        ValueError: If names are not unique, the folder holds a scoring and `resume` is
            False, or that scoring has other settings.
    """

    def __init__(
        self,
        deblenders: Sequence[Deblender],
        blends: BlendSet,
        out: str | os.PathLike,
        resume: bool = False,
        processes: int = 1,
        metrics: Mapping[str, Metric] = METRICS,
    ):
        if processes < 1:
            raise ValueError(f"`processes` must be positive. Received: processes={processes}")
        self._deblenders = deblenders
        self._blends = blends
        self._processes = processes
        self._metrics = metrics
        self._folder = Path(out)
        names = names_of_parts(deblenders, blends)
        self._parts = PartsFolder(self._folder / "parts", names)
        self._parts.begin(_settings(deblenders, blends, metrics), resume)
        self.steps = len(blends) * (len(names) - 1)

    def fit(self, tuning: Callable[[], BlendSet]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tune the deblenders that can be tuned; yield name and choice of each.

        Tuning that failed before is tried again, unless scores without it are there.

        Args:
            tuning: Makes the blends to tune on; called only if there is something to tune.
        """
        choices = {
            name: choice
            for name, choice in self._parts.choices().items()
            if "error" not in choice or self._parts.has(name)
        }
        bands = self._blends.take([0]).blend.shape[-1]
        for name, choice in fit_deblenders(self._deblenders, tuning, bands, choices):
            self._parts.keep_choices(choices := choices | {name: choice})
            yield name, choice

    def finish(self, progress: Callable[[int], Any] | None = None) -> dict[str, Any]:
        """Score what is not scored yet, and write all results.

        Args:
            progress: Called with the number of blends after each part of a deblender,
                `steps` in all.

        Returns:
            The summary; see `kdeblend.scoring.summary.summarise`. It also holds
            `"settings"` of each deblender, `"tuning"`, what was chosen, `"batch_size"` by
            deblender, and `"processes"`.

        Raises:
            OSError: If the folder cannot be written to.
            ChildProcessError: If a process dies.
        """
        scores = score(
            self._deblenders,
            self._blends,
            self._metrics,
            progress,
            parts=self._parts,
            processes=self._processes,
        )
        summary = summarise(scores, self._blends.description) | {
            "settings": {each.name: each.settings() for each in self._deblenders},
            "tuning": self._parts.choices(),
            "batch_size": {each.name: self._batch_size(each) for each in self._deblenders},
            "processes": self._processes,
        }
        examples = Examples(self._deblenders, self._blends)
        write_results(self._folder, scores, summary, examples, self._blends.galaxy_ids())
        return summary

    def _batch_size(self, deblender: Deblender) -> int:
        if deblender.one_by_one:
            return 1
        height, width = self._blends.take([0]).blend.shape[1:3]
        return min(CHUNK, deblender.blends_at_once(height, width))


def write_results(
    folder: Path,
    scores: Scores,
    summary: dict[str, Any],
    examples: Examples,
    galaxy_ids: np.ndarray | None = None,
) -> None:
    """Write `scores.csv`, `summary.json`, `report.html`, and `blends.csv` if galaxies are known.

    Args:
        folder: Where to.
        scores: Single scores.
        summary: What was made of them.
        examples: Gives single blends and layers.
        galaxy_ids: Ids of the two galaxies of each blend, text array `(blends, 2)`.
    """
    if galaxy_ids is None:
        (folder / "blends.csv").unlink(missing_ok=True)  # of the same blends when they were named
    else:
        write_galaxy_ids(folder / "blends.csv", galaxy_ids)
    scores.write_csv(folder / "scores.csv")
    write_json(folder / "summary.json", summary, allow_nan=False)
    write_report(folder / "report.html", scores, summary, examples)


def _settings(
    deblenders: Sequence[Deblender], blends: BlendSet, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """Return what the scores depend on; where the galaxies lie is not part of it."""
    known = blends.description.items()
    return {
        "kdeblend": version("kdeblend"),
        "blends": {name: value for name, value in known if name not in ("file", "data")},
        "deblenders": {each.name: _checked_settings(each) for each in deblenders},
        "metrics": list(metrics),
    }


def _checked_settings(deblender: Deblender) -> dict[str, Any]:
    settings = deblender.settings()
    try:
        json.dumps(settings, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"settings of {deblender.name} must be values that JSON can hold. Received: "
            f"{settings} ({error})"
        ) from error
    return settings
