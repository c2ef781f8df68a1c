"""Decoded galaxies in memory, up to a budget."""

import mmap
from math import prod

import numpy as np

from kdeblend.data.source import GalaxySource, read_galaxy

_DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))


class ImageCache:
    """Images of a source, each decoded when first asked for and kept while the budget lasts.

    The memory is shared with forked processes, which so fill one cache together. No lock is
    needed: whoever decodes an image at the same time writes the same bytes, and an image
    counts as kept only once it is written.

    Args:
        source: The source of the images. One that says `decoded` is not cached.
        cache_gb: Budget for pixels, in units of 1e9 bytes. Memory is taken as it fills.
    """

    def __init__(self, source: GalaxySource, cache_gb: float):
        self.source = source
        self.cache_gb = cache_gb
        self._slots = 0
        self._reserved = False

    def image(self, index: int) -> np.ndarray:
        """Return galaxy number `index` of the source, which must not be written to.

        Raises:
            kdeblend.io.images.ImageReadError: If the image is broken.
        """
        if index < self._slots and self._headers[index, 0]:
            return self._view(index)
        image = read_galaxy(self.source, index)
        if not self._reserved:
            self._reserve(image)
        if index < self._slots and image.nbytes <= self._sizes[index]:
            self._headers[index, 1:] = (_DTYPES.index(image.dtype), *image.shape)
            self._view(index)[...] = image
            self._headers[index, 0] = 1
        return image

    def __reduce__(self):
        return type(self), (self.source, self.cache_gb)

    def _reserve(self, image: np.ndarray) -> None:
        """Reserve address space for the first galaxies, once the type of an image is known."""
        self._reserved = True
        if self.source.decoded:
            return
        pixel = image.shape[2] * image.itemsize
        parts = zip(self.source.parts, self.source.part_sizes, strict=True)
        sizes = np.concatenate([np.full(len(part), side**2 * pixel) for part, side in parts])
        ends = np.cumsum(sizes)
        slots = int(np.searchsorted(ends, self.cache_gb * 1e9, side="right"))
        if slots > 0:
            self._sizes, self._starts = sizes[:slots], (ends - sizes)[:slots]
            self._headers = np.frombuffer(_shared(slots * 5 * 8), np.int64).reshape(slots, 5)
            self._pixels = np.frombuffer(_shared(int(ends[slots - 1])), np.uint8)
            self._slots = slots

    def _view(self, index: int) -> np.ndarray:
        _, dtype, *shape = self._headers[index].tolist()
        start = int(self._starts[index])
        end = start + prod(shape) * _DTYPES[dtype].itemsize
        return self._pixels[start:end].view(_DTYPES[dtype]).reshape(shape)


def _shared(size: int) -> mmap.mmap:
    if not hasattr(mmap, "MAP_NORESERVE"):
        return mmap.mmap(-1, size)
    return mmap.mmap(-1, size, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | mmap.MAP_NORESERVE)
