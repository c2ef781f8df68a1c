"""Which two galaxies a blend is made of."""

from collections.abc import Iterable

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

    def drawn(self, part: float, first: float, second: float) -> tuple[int, int]:
        """Return the numbers of a pair as if all galaxies could be read, and read none.

        Args:
            part: Chooses the part of the source, in [0, 1).
            first: Chooses the first galaxy, in [0, 1).
            second: Chooses the second galaxy, in [0, 1).
        """
        candidates = self._parts[self._part(part)]
        place = int(first * len(candidates))
        other = _other(place, int(second * (len(candidates) - 1)), len(candidates))
        return int(candidates[place]), int(candidates[other])

    def shown(self, part: float, first: float, second: float) -> tuple[int, int]:
        """Return the numbers of the galaxies that `read` gives, and read those it has not read.

        Args:
            part: As of `drawn`.
            first: As of `drawn`.
            second: As of `drawn`.

        Raises:
            ValueError: If fewer than two of all galaxies can be read.
        """
        drawn = self.drawn(part, first, second)
        if self._readable.issuperset(drawn):
            return drawn
        (number, _), (other, _) = self.read(part, first, second)
        return number, other

    def read(self, part: float, first: float, second: float) -> list[Numbered]:
        """Read a pair; of the next part that has two galaxies if this one has not.

        Args:
            part: As of `drawn`.
            first: As of `drawn`.
            second: As of `drawn`.

        Returns:
            Number and image of both galaxies; the images must not be written to.

        Raises:
            ValueError: If fewer than two of all galaxies can be read.
        """
        place = self._part(part)
        for candidates in [*self._parts[place:], *self._parts[:place], self.indices]:
            pair = self._pair(candidates, first, second)
            if len(pair) == 2:
                return pair
        raise ValueError(
            "At least two of the galaxies must be readable images. "
            f"Received: {len(self.indices)} galaxies, {len(self._broken)} of them broken"
        )

    def warm_up(self) -> None:
        """Read one galaxy, so that processes forked from now on fill one cache together."""
        self._read_one(self.indices, range(len(self.indices)))

    def _part(self, part: float) -> int:
        return int(np.searchsorted(self._odds, part * self._odds[-1], side="right"))

    def _pair(self, part: np.ndarray, first: float, second: float) -> list[Numbered]:
        """Read two different galaxies of a part, or fewer if no more of them can be read.

        In place of a broken one comes the next readable one, round the circle of the part.
        """
        count = len(part)
        start = int(first * count)
        found = self._read_one(part, (start + step for step in range(count)))
        if found is None:
            return []
        place, _ = found
        start = int(second * (count - 1))
        others = (_other(place, start + step, count) for step in range(count - 1))
        other = self._read_one(part, others)
        chosen = [found] if other is None else [found, other]
        return [(int(part[place % count]), image) for place, image in chosen]

    def _read_one(self, part: np.ndarray, places: Iterable[int]) -> Numbered | None:
        """Return place and image of the first galaxy of a part that can be read."""
        for place in places:
            index = int(part[place % len(part)])
            if index not in self._broken:
                try:
                    image = self._cache.image(index)
                except ImageReadError as error:
                    self._report(index, error)
                    continue
                self._readable.add(index)
                return place, image
        return None

    def _report(self, index: int, error: ImageReadError) -> None:
        self._readable.discard(index)
        if self._broken.setdefault(index, error) is error:
            logger.warning("left out %s: %s", self.source.ids[index], error)


def _other(place: int, step: int, count: int) -> int:
    """Return one of the other places round a circle."""
    return (place + 1 + step % (count - 1)) % count


def _parts(source: GalaxySource, indices: np.ndarray) -> list[np.ndarray]:
    """Sort galaxies into the parts of their source; one that is alone joins no blend.

    Where every galaxy is alone in its part, all of them make one.
    """
    parts = [indices[(indices >= p.start) & (indices < p.stop)] for p in source.parts]
    return [part for part in parts if len(part) > 1] or [indices]
