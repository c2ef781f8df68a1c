"""Which two galaxies a blend is made of."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kdeblend.data.cache import ImageCache
from kdeblend.data.source import GalaxySource, logger
from kdeblend.io.images import ImageReadError

Numbered = tuple[int, np.ndarray]


class GalaxyPairs:
    """Pairs of different galaxies of the same part of a source, each chosen by three numbers.

    Parts are chosen in proportion to the square root of their number of galaxies. In place of a
    galaxy that cannot be read comes the next one of its part that can; it is reported once.

    Args:
        source: Where the galaxies come from.
        indices: Numbers of the galaxies to choose from, at least two, without repetition.
        cache_gb: Memory for decoded images, in units of 1e9 bytes.
    """

    def __init__(self, source: GalaxySource, indices: np.ndarray, cache_gb: float):
        self.source = source
        self.indices = indices
        self._parts = _parts(source, indices)
        self._odds = np.cumsum([len(part) ** 0.5 for part in self._parts])
        self._cache = ImageCache(source, cache_gb)
        self._broken: dict[int, ImageReadError] = {}
        self._readable: set[int] = set()

    def drawn(self, *chance: float) -> tuple[int, int]:
        """Return the numbers of a pair as if all galaxies could be read, and read none.

        Args:
            *chance: Three numbers in [0, 1) that choose the part of the source, the first galaxy
                and the second.
        """
        (first, _), (second, _) = self._choose(lambda number: True, *chance)
        return first, second

    def shown(self, *chance: float) -> tuple[int, int]:
        """Return the numbers of the galaxies that `read` gives, and read those it has not read.

        Args:
            *chance: As of `drawn`.

        Raises:
            ValueError: If fewer than two of all galaxies can be read.
        """
        (first, _), (second, _) = self._choose(self._glance, *chance)
        return first, second

    def read(self, *chance: float) -> list[Numbered]:
        """Read a pair; of the next part that has two galaxies if this one has not.

        Args:
            *chance: As of `drawn`.

        Returns:
            Number and image of both galaxies; the images must not be written to.

        Raises:
            ValueError: If fewer than two of all galaxies can be read.
        """
        return self._choose(self._image, *chance)

    def warm_up(self) -> None:
        """Read one galaxy, so that processes forked from now on fill one cache together."""
        for number in self.indices:
            if self._image(int(number)) is not None:
                break

    def _choose(
        self, look: Callable[[int], Any], part: float, first: float, second: float
    ) -> list[tuple[int, Any]]:
        """Return numbers of two galaxies with what a look at each gives, None if it is broken."""
        place = int(np.searchsorted(self._odds, part * self._odds[-1], side="right"))
        for candidates in [*self._parts[place:], *self._parts[:place], self.indices]:
            pair = _pair(look, candidates, first, second)
            if len(pair) == 2:
                return pair
        raise ValueError(
            "At least two of the galaxies must be readable images. "
            f"Received: {len(self.indices)} galaxies, {len(self._broken)} of them broken"
        )

    def _glance(self, number: int) -> Any:
        return True if number in self._readable else self._image(number)

    def _image(self, number: int) -> np.ndarray | None:
        if number in self._broken:
            return None
        try:
            image = self._cache.image(number)
        except ImageReadError as error:
            self._report(number, error)
            return None
        self._readable.add(number)
        return image

    def _report(self, index: int, error: ImageReadError) -> None:
        self._readable.discard(index)
        if self._broken.setdefault(index, error) is error:
            logger.warning("left out %s: %s", self.source.ids[index], error)


def _pair(
    look: Callable[[int], Any], part: np.ndarray, first: float, second: float
) -> list[tuple[int, Any]]:
    """Choose two different galaxies of a part, or fewer if no more of them can be read.

    In place of a broken one comes the next readable one, round the circle of the part.
    """
    count = len(part)
    one = next(_seen(look, part, _circle(count, first)), None)
    if one is None:
        return []
    place, _ = one
    others = ((place + 1 + step) % count for step in _circle(count - 1, second))
    pair = [one, *itertools.islice(_seen(look, part, others), 1)]
    return [(int(part[place]), what) for place, what in pair]


def _circle(count: int, chance: float) -> Iterator[int]:
    """Yield all places of a circle, beginning with that which a number in [0, 1) chooses."""
    start = int(chance * count)
    return ((start + step) % count for step in range(count))


def _seen(
    look: Callable[[int], Any], part: np.ndarray, places: Iterable[int]
) -> Iterator[tuple[int, Any]]:
    """Yield the places whose galaxies are not broken, with what a look at each gives."""
    for place in places:
        what = look(int(part[place]))
        if what is not None:
            yield place, what


def _parts(source: GalaxySource, indices: np.ndarray) -> list[np.ndarray]:
    """Sort galaxies into the parts of their source; one that is alone joins no blend.

    Where every galaxy is alone in its part, all of them make one.
    """
    parts = [indices[(indices >= p.start) & (indices < p.stop)] for p in source.parts]
    return [part for part in parts if len(part) > 1] or [indices]
