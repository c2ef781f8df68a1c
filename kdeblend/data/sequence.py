"""Batches of blends for training, validation and the test."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES, blend_lupton, superpose
from kdeblend.data.degradation import RANDOM_NUMBERS, Degradation
from kdeblend.data.geometry import BlendGeometry, Perturbation
from kdeblend.data.pairs import GalaxyPairs
from kdeblend.data.prefetch import Prefetcher
from kdeblend.data.source import GalaxySource

_FULL = {"u1": 255.0, "u2": 65535.0, "f4": 1.0}
_LIGHT = 18  # before them are those of galaxies, perturbations and orientation
_CHANCE = [16, 0, 1]  # which of them choose part, first and second galaxy

Batch = tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]


class BlendSequence(keras.utils.Sequence):
    """Batches `(blend, (first, second))` of random pairs of galaxies.

    Sample number j of batch i is a function of the data, `seed`, `epoch` and
    `(first_batch + i) * batch_size + j` alone: the same whatever the number of workers,
    processes or restarts. Give it to `fit` with `shuffle=False`.

    Both galaxies of a blend come from the same part of the source, as they would from the same
    exposure. Parts are drawn in proportion to the square root of their number of galaxies, so
    that a large survey does not drown a small one.

    Keras itself ends an epoch once before the first one of each `fit`, so that `fit` trains
    on epochs `epoch + 1`, `epoch + 2` and so on.

    Args:
        source: Where the galaxies come from.
        indices: Numbers of the galaxies to use, at least two, such as one side of the split.
        batch_size: Blends per batch.
        batches: Batches per epoch.
        first_batch: Number of the first batch; resuming in mid-epoch is starting there.
        seed: Seed of everything random.
        epoch: Number of the epoch, also part of the seed; `on_epoch_end` counts it up.
        geometry: Crop, downsampling and perturbation.
        blend_mode: Name of a registered blend mode.
        augment: Whether to flip and turn whole blends by multiples of 90 degrees.
        sky_light: Most light that the pictures of half of the blends get added, as under a
            brighter sky, in [0, 1). Both galaxies of a blend get the same, each band between half
            of it and all of it; what lies beyond the edge of a picture stays black.
        degrade: Share of the blends whose pictures, with those of their galaxies, are made softer,
            compressed or of one band, as `Degradation.draw` has it.
        lupton_share: Share of the blends in which light adds up as on the sky, by `blend_lupton`,
            whatever the blend mode.
        cache_gb: Memory for decoded images, in units of 1e9 bytes.
        workers: Threads or processes that make batches in advance; with 1 each batch is made
            when it is asked for.
        use_multiprocessing: Whether they are processes.
        max_queue_size: Number of batches made in advance.

    Attributes:
        error: What making a batch raised, or None; TensorFlow's `fit` raises one of its own.

    Raises:
        ValueError: If there are fewer than two galaxies, a count is not positive, the blend
            mode is unknown, or the images are smaller than a stamp.

    Example:
        >>> source = open_source(["hubble"])
        >>> train = split_indices(source.ids)["train"]
        >>> blend, (first, second) = BlendSequence(source, train, batches=100)[0]
        >>> blend.shape, float(first.min()) >= -1
        ((16, 80, 80, 3), True)
    """

    def __init__(
        self,
        source: GalaxySource,
        indices: np.ndarray,
        *,
        batches: int,
        batch_size: int = 16,
        first_batch: int = 0,
        seed: int = 0,
        epoch: int = 0,
        geometry: BlendGeometry | None = None,
        blend_mode: str = "max",
        augment: bool = True,
        sky_light: float = 0.0,
        degrade: float = 0.0,
        lupton_share: float = 0.0,
        cache_gb: float = 4.0,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ):
        super().__init__()  # Keras' own workers stay idle: see `Prefetcher`
        self.indices = np.unique(indices)
        if len(self.indices) < 2:
            raise ValueError(
                f"`indices` must name at least two galaxies. Received: {len(self.indices)}"
            )
        if min(batch_size, batches) < 1 or min(first_batch, seed, epoch) < 0:
            raise ValueError(
                "`batch_size` and `batches` must be positive, `first_batch`, `seed` and `epoch` "
                f"not negative. Received: batch_size={batch_size}, batches={batches}, "
                f"first_batch={first_batch}, seed={seed}, epoch={epoch}"
            )
        if not 0 <= sky_light < 1:
            raise ValueError(f"`sky_light` must be in [0, 1). Received: sky_light={sky_light}")
        for name, share in (("degrade", degrade), ("lupton_share", lupton_share)):
            if not 0 <= share <= 1:
                raise ValueError(f"`{name}` must be in [0, 1]. Received: {name}={share}")
        self.source = source
        self.batch_size = batch_size
        self.batches = batches
        self.first_batch = first_batch
        self.seed = seed
        self.epoch = epoch
        self.geometry = geometry or BlendGeometry()
        self.blend_mode = blend_mode
        self.augment = augment
        self.sky_light = sky_light
        self.degrade = degrade
        self.lupton_share = lupton_share
        self._blend = BLEND_MODES[blend_mode]
        self._pairs = GalaxyPairs(source, self.indices, cache_gb)
        self._prefetching = (workers, use_multiprocessing, max_queue_size)
        self._prefetcher: Prefetcher | None = None
        self.error: Exception | None = None
        source.downsampling(self.geometry.stamp_size)

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> Batch:
        try:
            return self._make_or_fetch(self.first_batch + index)
        except Exception as error:
            self.error = error
            raise

    def _make_or_fetch(self, number: int) -> Batch:
        if self._prefetching[0] <= 1:
            return self._batch(self.epoch, number)
        if self._prefetcher is None:
            self._pairs.warm_up()
            self._prefetcher = Prefetcher(self._batch, *self._prefetching)
        return self._prefetcher.get(self.epoch, number, self.first_batch + self.batches)

    def galaxies(self, index: int) -> np.ndarray:
        """Return which galaxies are drawn for a batch, without reading them.

        In place of one that cannot be read, the blend has another; see `galaxies_shown`.

        Args:
            index: Number of the batch.

        Returns:
            Numbers of the central galaxies and of the other ones, int array `(batch_size, 2)`.
        """
        return np.array([self._pairs.drawn(*chance) for chance in self._chances(index)])

    def galaxies_shown(self, index: int) -> np.ndarray:
        """Return which galaxies the blends of a batch show.

        Only those that were not read before are read for it.

        Args:
            index: Number of the batch.

        Returns:
            Numbers as `galaxies` returns them, of other galaxies only in place of those that cannot
            be read.

        Raises:
            ValueError: If fewer than two of all galaxies can be read.
        """
        return np.array([self._pairs.shown(*chance) for chance in self._chances(index)])

    def on_epoch_end(self) -> None:
        """Go on to the blends of the next epoch."""
        self.epoch += 1

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_prefetcher": None}

    def _batch(self, epoch: int, number: int) -> Batch:
        size = self.geometry.stamp_size
        shape = (self.batch_size, size, size, self.source.bands)
        blends, firsts, seconds = (np.empty(shape, np.float32) for _ in range(3))
        for row, outputs in enumerate(zip(blends, firsts, seconds, strict=True)):
            self._sample(epoch, number * self.batch_size + row, outputs)
        return blends, (firsts, seconds)

    def _sample(self, epoch: int, number: int, outputs: tuple[np.ndarray, ...]) -> None:
        """Write blend and targets of a sample into three images `(size, size, bands)`."""
        uniform = self._uniform(epoch, number)
        perturbations = self.geometry.draw(uniform[3:16])
        light = self._light(uniform)
        first, second = (
            self._stamp(image, perturbation, light)
            for (_, image), perturbation in zip(
                self._pairs.read(*uniform[_CHANCE]), perturbations, strict=True
            )
        )
        mode = blend_lupton if uniform[-1] < self.lupton_share else self._blend
        blend = superpose(mode, first.transpose(1, 2, 0), second.transpose(1, 2, 0))
        pictures = [blend.transpose(2, 0, 1), first, second]
        blend, *stamps = map(self._degradation(uniform), pictures)
        targets = [2 * stamp - 1 for stamp in stamps]
        turn = int(uniform[2] * 8) if self.augment else 0
        for output, planes in zip(outputs, (blend, *targets), strict=True):
            for band, plane in enumerate(_turned(planes, turn)):
                output[..., band] = plane

    def _chances(self, index: int) -> Iterator[np.ndarray]:
        """Yield, for each sample of a batch, the three numbers that choose its galaxies."""
        start = (self.first_batch + index) * self.batch_size
        for number in range(start, start + self.batch_size):
            yield self._uniform(self.epoch, number)[_CHANCE]

    def _uniform(self, epoch: int, number: int) -> np.ndarray:
        """Return the random numbers in [0, 1) that a sample is made of."""
        stream = np.random.Philox(key=[self.seed, epoch], counter=[0, 0, 0, number])
        return np.random.Generator(stream).random(
            _LIGHT + self.source.bands + 1 + RANDOM_NUMBERS + 1
        )

    def _light(self, uniform: np.ndarray) -> np.ndarray:
        """Return the light that the sky of a sample gets, float32 `(bands, 1, 1)`."""
        most = self.sky_light * max(0, 2 * uniform[17] - 1)
        light = most * (1 + uniform[_LIGHT : _LIGHT + self.source.bands]) / 2
        return light.astype(np.float32)[:, None, None]

    def _degradation(self, uniform: np.ndarray) -> Degradation:
        chance, *numbers = uniform[-2 - RANDOM_NUMBERS : -1]
        return Degradation.draw(np.array(numbers)) if chance < self.degrade else Degradation()

    def _stamp(
        self, image: np.ndarray, perturbation: Perturbation, light: np.ndarray
    ) -> np.ndarray:
        stamp = self.geometry.stamp(image, perturbation)
        stamp *= 1 / _FULL[image.dtype.str[1:]]
        if light.any():
            picture = np.ones((*image.shape[:2], 1), np.uint8)  # what is beyond it stays black
            stamp += light * self.geometry.stamp(picture, perturbation)
            np.minimum(stamp, 1, out=stamp)
        return stamp


def _turned(planes: np.ndarray, turn: int) -> np.ndarray:
    """View `(bands, size, size)` in one of the eight orientations of a square."""
    if turn & 4:
        planes = planes.transpose(0, 2, 1)
    return planes[:, :: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1]
