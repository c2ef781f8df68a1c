"""What a deblender finds on a few blends, how long it took, and where it failed."""

import time
from dataclasses import dataclass

import numpy as np

from kdeblend.deblenders.deblender import Deblender
from kdeblend.scoring.blends import Chunk

LONGEST_MESSAGE = 300
NOT_FINITE = "an answer must be finite. Received: NaN or infinity"


@dataclass(frozen=True)
class Answer:
    """Layers found on the blends of a chunk.

    Args:
        layers: Array `(n, 2, height, width, bands)`, NaN for a blend that the deblender
            failed on.
        milliseconds: Array `(n,)`, wall time per blend; NaN where it was not measured.
        failures: The message of each blend that the deblender failed on.
    """

    layers: np.ndarray
    milliseconds: np.ndarray
    failures: dict[int, str]


def answer_of_others(layers: np.ndarray) -> Answer:
    """Return layers that came with the blends as an answer; NaN anywhere on a blend is a failure.

    Args:
        layers: Array `(n, 2, height, width, bands)`.
    """
    failed = np.flatnonzero(np.isnan(layers).any(axis=(1, 2, 3, 4))).tolist()
    milliseconds = np.full(len(layers), np.nan)
    return Answer(layers, milliseconds, dict.fromkeys(failed, NOT_FINITE))


class TimedDeblender:
    """Deblends chunk after chunk, measures the time and survives failures.

    Before the first chunk of its shape is timed, a warm-up lets the deblender compile what it does.

    Args:
        deblender: What deblends. One that finds sources has these matched to the true layers,
            and one that looks at one blend after the other gets one at a time.
    """

    def __init__(self, deblender: Deblender):
        self._deblender = deblender
        self._warm: set[tuple[int, ...]] = set()

    def __call__(self, chunk: Chunk) -> Answer:
        """Deblend a chunk; if a batch fails, its blends are tried one by one."""
        single = self._deblender.one_by_one
        first = chunk.rows(slice(0, 1 if single else None))
        if first.blend.shape not in self._warm:
            self._answer(first)
            self._warm.add(first.blend.shape)
        if not single:
            answer = self._answer(chunk)
            if not answer.failures:
                return answer
        count = len(chunk.blend)
        return _joined([self._answer(chunk.rows(slice(n, n + 1))) for n in range(count)])

    def _answer(self, chunk: Chunk) -> Answer:
        """Deblend some blends together; if it fails, it fails on all of them."""
        try:
            start = time.perf_counter()
            found = self._deblender.find(chunk.blend)
            milliseconds = 1000 * (time.perf_counter() - start) / len(chunk.blend)
            matched = self._deblender.match(found, chunk.truth, chunk.valid)
            layers = self._deblender.checked_layers(matched, chunk.blend)
        except Exception as error:  # a deblender may raise anything
            message = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_MESSAGE]
            return _failure(chunk, message)
        return Answer(layers, np.full(len(layers), milliseconds), {})


def _failure(chunk: Chunk, message: str) -> Answer:
    count = len(chunk.blend)
    nothing = np.full(chunk.truth.shape, np.nan, np.float32)
    return Answer(nothing, np.full(count, np.nan), dict.fromkeys(range(count), message))


def _joined(answers: list[Answer]) -> Answer:
    """Put the answers to single blends together."""
    return Answer(
        np.concatenate([answer.layers for answer in answers]),
        np.concatenate([answer.milliseconds for answer in answers]),
        {n: answer.failures[0] for n, answer in enumerate(answers) if answer.failures},
    )
