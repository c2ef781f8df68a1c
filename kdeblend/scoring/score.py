"""Every deblender on every blend, by every metric."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.metrics import METRICS
from kdeblend.scoring.answers import answer_of_others
from kdeblend.scoring.blends import CHUNK, BlendSet, Chunk
from kdeblend.scoring.measure import Metric
from kdeblend.scoring.parts import Part, PartsFolder
from kdeblend.scoring.scores import PROPERTIES, Scores
from kdeblend.scoring.workers import Scorer, Workers, start_workers

OF_BLENDS = "properties of the blends"
AT_ONCE = 8  # blends of a deblender that takes one after the other, in one part


def names_of_parts(deblenders: Sequence[Deblender], blends: BlendSet) -> list[str]:
    """Return what has parts: the properties of the blends, deblenders, predictions.

    Raises:
        ValueError: If two deblenders or predictions have the same name.
    """
    names = [*(deblender.name for deblender in deblenders), *blends.predictions]
    if len(set(names)) != len(names):
        raise ValueError(f"names of deblenders must differ. Received: {names}")
    return [OF_BLENDS, *names]


def score(
    deblenders: Sequence[Deblender],
    blends: BlendSet,
    metrics: Mapping[str, Metric] = METRICS,
    progress: Callable[[int], Any] | None = None,
    parts: PartsFolder | None = None,
    processes: int = 1,
) -> Scores:
    """Score deblenders, and the predictions that come with the blends.

    A deblender that fails on a batch is asked for one blend after the other; where it
    still fails, there is a message in place of scores.

    Args:
        deblenders: What to score; their names must differ.
        blends: The test blends.
        metrics: By name, functions of truth, prediction and mask.
        progress: Called with the number of blends after each part of a deblender or
            prediction.
        parts: Where finished parts are kept; those that are there are not made again.
        processes: In how many processes deblenders that allow it, and the metrics, run.

    Raises:
        ValueError: If two have the same name.
        ChildProcessError: If a process dies.

    Example:
        >>> scores = score([IdentityDeblender()], ReadBlends("panels.npz"))
        >>> scores.values["identity"]["psnr"].shape
        (32, 2)
    """
    names = names_of_parts(deblenders, blends)
    collected = _Collected(names, blends, list(metrics), progress, parts)
    remote = [each for each in deblenders if each.parallel and processes > 1]
    local = [each for each in deblenders if each not in remote]
    here = Scorer(local, metrics, blends.blend_mode)
    steps = {each.name: AT_ONCE for each in deblenders if each.one_by_one}
    with start_workers(processes, remote, metrics, blends.blend_mode) as workers:
        for start, chunk, missing in _chunks(blends, collected, steps):
            for name, rows in missing:
                done = partial(collected.add, name, start + rows.start)
                _submit(workers, here, done, chunk, name, rows, {each.name for each in remote})
        workers.finish()
    return collected.finished(blends.galaxies)  # known when all blends are made


def mean_psnr(deblenders: Sequence[Deblender], blends: BlendSet) -> dict[str, float]:
    """Return the mean PSNR in dB, over both galaxies of all blends, by the name of the deblender.

    Args:
        deblenders: What to score; their names must differ.
        blends: The test blends; the predictions that come with them are scored, too.

    Raises:
        ValueError: If two have the same name.
    """
    scores = score(deblenders, blends, {"psnr": METRICS["psnr"]})
    return {name: float(values["psnr"].mean()) for name, values in scores.values.items()}


Piece = tuple[str, slice]


def _chunks(
    blends: BlendSet, collected: "_Collected", steps: Mapping[str, int]
) -> Iterator[tuple[int, Chunk, list[Piece]]]:
    """Yield number of the first blend, blends, and what is still to be done with them."""
    for start in range(0, len(blends), CHUNK):
        count = min(CHUNK, len(blends) - start)
        pieces = [
            (name, slice(first, min(first + steps.get(name, CHUNK), count)))
            for name in collected.names
            for first in range(0, count, steps.get(name, CHUNK))
        ]
        missing = [
            (name, rows) for name, rows in pieces if not collected.has(name, start + rows.start)
        ]
        if missing:
            yield start, blends.take(range(start, start + count)), missing


def _submit(workers: Workers, here: Scorer, done, chunk: Chunk, name: str, rows: slice, remote):
    piece = chunk.rows(rows)
    if name == OF_BLENDS:
        workers.submit(done, piece)
    elif name in chunk.predictions:
        workers.submit(done, piece, name, answer_of_others(chunk.predictions[name][rows]))
    else:
        answer = None if name in remote else here.answer(name, piece)
        workers.submit(done, piece, name, answer)


class _Collected:
    """The scores so far."""

    def __init__(
        self,
        names: list[str],
        blends: BlendSet,
        metrics: list[str],
        progress: Callable[[int], Any] | None,
        parts: PartsFolder | None,
    ):
        self.names = names
        self.scores = Scores(
            {name: {each: _nothing(len(blends), 2) for each in metrics} for name in names[1:]},
            {name: _nothing(len(blends), 2) for name in PROPERTIES},
            {name: {} for name in names[1:]},
            {name: _nothing(len(blends)) for name in names[1:]},
        )
        self._progress = progress
        self._parts = parts
        self._done: set[tuple[str, int]] = set()
        for name, start, part in parts.read() if parts else ():
            self._take(name, start, part)

    def has(self, name: str, start: int) -> bool:
        return (name, start) in self._done

    def add(self, name: str, start: int, part: Part) -> None:
        if self._parts:
            self._parts.keep(name, start, part)
        self._take(name, start, part)

    def finished(self, galaxies: np.ndarray | None) -> Scores:
        for failures in self.scores.failures.values():
            in_order = sorted(failures.items())
            failures.clear()
            failures.update(in_order)
        return replace(self.scores, galaxies=galaxies)

    def _take(self, name: str, start: int, part: Part) -> None:
        self._done.add((name, start))
        rows = slice(start, start + len(part.milliseconds))
        table = self.scores.properties if name == OF_BLENDS else self.scores.values[name]
        for column, values in part.values.items():
            table[column][rows] = values
        if name == OF_BLENDS:
            return
        self.scores.milliseconds[name][rows] = part.milliseconds
        self.scores.failures[name].update({start + n: why for n, why in part.failures.items()})
        if self._progress:
            self._progress(len(part.milliseconds))


def _nothing(*shape: int) -> np.ndarray:
    return np.full(shape, math.nan)
