"""Galaxy sources: numbered images of single galaxies, wherever they are kept."""

import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np

from kdeblend.data.geometry import downsampling
from kdeblend.data.split import ID_SEPARATOR
from kdeblend.io.images import ImageReadError, checked_pixels

logger = logging.getLogger("kdeblend")


class GalaxySource(ABC):
    """Numbered images of single galaxies, each in the middle of its square image.

    A sub-class sets the attributes below. It must survive pickling and forking, and `image`
    is called from several threads at once. One that can be chosen by a path, because it is
    registered, has `matches`, and takes the path in its constructor.

    Attributes:
        native_size: Side of the images, in pixels.
        bands: Number of bands of the images.
        ids: Names of the galaxies, all different; they decide the train/test split.
        decoded: Whether `image` costs next to nothing, so that caching would waste memory.
        checked: Whether `image` has made sure itself that its pixels are what they must be.
    """

    native_size: int
    bands: int
    ids: list[str]
    decoded: bool = False
    checked: bool = False

    @classmethod
    def matches(cls, path: str) -> bool:
        """Tell whether this kind of source reads what `path` points at; by default it does not."""
        return False

    @abstractmethod
    def image(self, index: int) -> np.ndarray:
        """Return galaxy number `index`.

        Returns:
            Array `(native_size, native_size, bands)`: uint8, uint16, or float32 in [0, 1].

        Raises:
            kdeblend.io.images.ImageReadError: If the image is broken.
        """

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def parts(self) -> list[range]:
        """The galaxies that may meet in one blend, those of one survey, as ranges of indices."""
        return [range(len(self))]

    @property
    def part_sizes(self) -> list[int]:
        """Side of the images of each part, in pixels."""
        return [self.native_size] * len(self.parts)

    def downsampling(self, stamp_size: int) -> int:
        """Return the step in native pixels between neighbouring pixels of a stamp.

        Raises:
            ValueError: If the images are smaller than a stamp.
        """
        return downsampling(self.native_size, stamp_size)


def read_galaxy(source: GalaxySource, index: int) -> np.ndarray:
    """Return galaxy number `index` of a source of any kind, its pixels checked once.

    Args:
        source: The galaxies.
        index: Number of the galaxy.

    Returns:
        Array `(height, width, bands)`: uint8, uint16, or float32 in [0, 1].

    Raises:
        kdeblend.io.images.ImageReadError: If the image is broken, or not what a source must give.
    """
    if source.checked:
        return source.image(index)
    try:
        image = checked_pixels(np.asarray(source.image(index)))
        if image.shape[-1] != source.bands:
            raise ValueError(f"must have {source.bands} bands. Received: {image.shape[-1]}")
    except ImageReadError:
        raise
    except ValueError as error:
        raise ImageReadError(source.ids[index], error) from error
    return image


def unique_ids(names: Sequence[str], places: Sequence[str]) -> list[str]:
    """Make ids of names; those that occur more than once get their place appended.

    Args:
        names: Names of the galaxies.
        places: Where each galaxy comes from; different for equal names.

    Example:
        >>> unique_ids(["a", "b", "b"], ["x", "x", "y"])
        ['a', 'b::x', 'b::y']
    """
    counts = Counter(names)
    return [
        name if counts[name] == 1 else f"{name}{ID_SEPARATOR}{place}"
        for name, place in zip(names, places, strict=True)
    ]
