"""Several galaxy sources as one."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from kdeblend.data.source import GalaxySource, read_galaxy, unique_ids


class CombinedSource(GalaxySource):
    """The galaxies of several sources, numbered through.

    Images keep the native size of their own source, from which their downsampling follows;
    `native_size` is the smallest of them.

    Args:
        sources: Sources with the same number of bands.

    Raises:
        ValueError: If the numbers of bands differ.
    """

    checked = True

    def __init__(self, sources: Sequence[GalaxySource]):
        bands = [source.bands for source in sources]
        if len(set(bands)) != 1:
            raise ValueError(f"Sources must have the same number of bands. Received: {bands}")
        self.sources = list(sources)
        self.bands = bands[0]
        self.native_size = min(source.native_size for source in sources)
        self.decoded = all(source.decoded for source in sources)
        self.ids = unique_ids(
            [galaxy_id for source in sources for galaxy_id in source.ids],
            [str(number) for number, source in enumerate(sources, 1) for _ in source.ids],
        )
        self._ends = list(accumulate(len(source) for source in sources))

    @property
    def part_sizes(self) -> list[int]:
        """Side of the images of each source, in pixels; the largest of its own parts."""
        return [max(source.part_sizes) for source in self.sources]

    @property
    def parts(self) -> list[range]:
        """The galaxies of each source, as ranges of indices."""
        return [range(*ends) for ends in pairwise([0, *self._ends])]

    def image(self, index: int) -> np.ndarray:
        """Return galaxy number `index`, `(native, native, bands)` of its own source."""
        number = bisect_right(self._ends, index)
        return read_galaxy(self.sources[number], index - self.parts[number].start)
