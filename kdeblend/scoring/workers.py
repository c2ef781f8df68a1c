"""Making parts of a scoring, in this process or in several."""

import math
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.io.processes import end_with_parent, workers_that_live
from kdeblend.scoring.answers import Answer, TimedDeblender
from kdeblend.scoring.blends import Chunk
from kdeblend.scoring.measure import Measure, Metric
from kdeblend.scoring.parts import Part
from kdeblend.scoring.properties import blend_properties

IN_FLIGHT = 3  # pieces of work per process, so that memory stays flat
DEATH = ("scored blends", "what is finished is kept, go on with fewer processes")

Done = Callable[[Part], Any]


class Scorer:
    """Makes parts from chunks of blends.

    Args:
        deblenders: Those that can be asked.
        metrics: What to measure, by name.
        blend_mode: Name of the blend mode of the blends, or None if it is not known.
    """

    def __init__(
        self, deblenders: Sequence[Deblender], metrics: Mapping[str, Metric], blend_mode: str | None
    ):
        self._deblenders = {each.name: TimedDeblender(each) for each in deblenders}
        self._measure = Measure(metrics, blend_mode)

    def answer(self, name: str, chunk: Chunk) -> Answer:
        """Return what a deblender finds."""
        return self._deblenders[name](chunk)

    def part(self, chunk: Chunk, name: str | None = None, answer: Answer | None = None) -> Part:
        """Return the scores of a deblender, or the properties of the blends.

        Args:
            chunk: The blends.
            name: The deblender, or None for the properties.
            answer: What the deblender has found, unless it is to be asked.
        """
        if name is None:
            return Part(blend_properties(chunk), np.full(len(chunk.blend), math.nan))
        return self._measure(answer or self.answer(name, chunk), chunk)


class Workers(Protocol):
    """Whoever makes parts."""

    def submit(
        self, done: Done, chunk: Chunk, name: str | None = None, answer: Answer | None = None
    ) -> None:
        """Have a part made as by `Scorer.part`, now or later, and call `done` with it."""

    def finish(self) -> None:
        """Wait until all parts are made."""


@contextmanager
def start_workers(
    processes: int,
    deblenders: Sequence[Deblender],
    metrics: Mapping[str, Metric],
    blend_mode: str | None,
) -> Iterator[Workers]:
    """Start what makes parts, and end it with the block, at once if the block raises.

    Args:
        processes: Number of processes; with 1 everything is done in this one.
        deblenders: Those that the workers can ask; they must survive pickling if there
            are several processes.
        metrics: What to measure, by name.
        blend_mode: Name of the blend mode of the blends, or None if it is not known.
    """
    if processes == 1:
        yield _Here(Scorer(deblenders, metrics, blend_mode))
        return
    _check_pickling(deblenders, metrics)
    pool = _Pool(processes, deblenders, metrics, blend_mode)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.close()


def _check_pickling(deblenders: Sequence[Deblender], metrics: Mapping[str, Metric]) -> None:
    named = [*((each.name, each) for each in deblenders), *metrics.items()]
    for name, each in named:
        try:
            pickle.dumps(each)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"with several processes everything must survive pickling. Received: {name}, "
                f"which does not ({type(error).__name__}: {error})"
            ) from error


class _Here:
    """Makes each part at once."""

    def __init__(self, scorer: Scorer):
        self._scorer = scorer

    def submit(self, done, chunk, name=None, answer=None):
        done(self._scorer.part(chunk, name, answer))

    def finish(self):
        pass


class _Pool:
    """Makes parts in other processes; never more than a few are under way."""

    def __init__(self, processes, *scorer):
        self._before = multiprocessing.active_children()
        self._room = IN_FLIGHT * processes
        self._under_way: dict[Future[Part], Done] = {}
        self._executor = ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _start_process, scorer
        )

    def submit(self, done, chunk, name=None, answer=None):
        while len(self._under_way) >= self._room:
            self._collect()
        with workers_that_live(*DEATH):
            future = self._executor.submit(_part_in_process, chunk, name, answer)
        self._under_way[future] = done

    def finish(self):
        while self._under_way:
            self._collect()

    def close(self):
        self._executor.shutdown()

    def stop(self):
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in self._before:
                process.terminate()

    def _collect(self):
        for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
            done = self._under_way.pop(future)
            with workers_that_live(*DEATH):
                part = future.result()
            done(part)


_scorer: Scorer | None = None


def _start_process(*arguments: Any) -> None:
    """Set a worker up; it ends on Ctrl-C, which the main process answers, or with that."""
    global _scorer
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with_parent()
    _scorer = Scorer(*arguments)


def _part_in_process(chunk: Chunk, name: str | None, answer: Answer | None) -> Part:
    if _scorer is None:
        raise RuntimeError("a worker must be started by `_start_process`")
    return _scorer.part(chunk, name, answer)
