"""Blends with known truth, in chunks, so that memory does not grow with their number."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.layers import layers_of
from kdeblend.data.source import GalaxySource, read_galaxy
from kdeblend.data.split import split_indices
from kdeblend.io.fingerprint import fingerprint
from kdeblend.io.images import ImageReadError

CHUNK = 32
LOOKED_AT = 8
"""Blends whose galaxies' images are looked at to tell whether a scoring goes on with the same."""


@dataclass(frozen=True)
class Chunk:
    """A few test blends.

    Args:
        blend: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units: the central
            galaxy and the other one.
        valid: Boolean array `(n, height, width)`, False where a pixel must not
            count.
        predictions: Layers that others found, shaped as `truth`, by their name; NaN for a
            blend that they failed on.
    """

    blend: np.ndarray
    truth: np.ndarray
    valid: np.ndarray
    predictions: dict[str, np.ndarray] = field(default_factory=dict)

    def rows(self, rows: slice) -> "Chunk":
        """Return some of the blends, without predictions."""
        return Chunk(self.blend[rows], self.truth[rows], self.valid[rows])


class BlendSet(ABC):
    """A number of test blends, which come in chunks.

    Attributes:
        description: What the blends are, in plain values that JSON can hold.
        predictions: Names of the predictions that come with the blends.
        blend_mode: Name of the blend mode that they were made with, if it is known.
    """

    description: dict[str, Any]
    predictions: tuple[str, ...] = ()
    blend_mode: str | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, numbers: Sequence[int]) -> Chunk:
        """Return the blends of some numbers, without making or reading the others.

        Args:
            numbers: Numbers of blends, from 0 on, in any order.

        Raises:
            ValueError: If there is no blend of such a number.
        """

    @property
    def galaxies(self) -> np.ndarray | None:
        """Numbers of the two galaxies that each blend shows, `(blends, 2)`, if they are known."""
        return None

    def galaxy_ids(self) -> np.ndarray | None:
        """Return the ids of the two galaxies that each blend shows, if they are known.

        Returns:
            Text array `(blends, 2)`: the central galaxies and the other ones.
        """
        return None

    def chunks(self) -> Iterator[Chunk]:
        """Yield all blends in order, a few at a time; the same ones at each call."""
        for start in range(0, len(self), CHUNK):
            yield self.take(range(start, min(start + CHUNK, len(self))))

    def _check_numbers(self, numbers: Sequence[int]) -> None:
        if not len(numbers) or min(numbers) < 0 or max(numbers) >= len(self):
            raise ValueError(
                f"`numbers` must be numbers of blends, 0 to {len(self) - 1}. "
                f"Received: {list(numbers)}"
            )


class MadeBlends(BlendSet):
    """Blends of galaxies that no training has seen, those of one side of the split.

    Each blend is a function of the galaxies, the options and its number alone.

    Args:
        source: Where the galaxies come from.
        blends: Number of blends.
        seed: Seed of everything random.
        geometry: Crop, downsampling and perturbation. Defaults to the paper's.
        blend_mode: Name of a registered blend mode.
        side: `"test"`, or `"validation"` for blends to tune deblenders on.
        degrade: Share of the blends whose pictures are degraded, as of `BlendSequence`.
        lupton_share: Share of the blends in which light adds up as on the sky, as of it.

    Raises:
        ValueError: If fewer than two galaxies are withheld, `blends` is not
            positive, or the blend mode is unknown.
    """

    def __init__(
        self,
        source: GalaxySource,
        blends: int = 3200,
        seed: int = 0,
        geometry: BlendGeometry | None = None,
        blend_mode: str = "max",
        side: str = "test",
        degrade: float = 0.0,
        lupton_share: float = 0.0,
    ):
        from kdeblend.data.sequence import BlendSequence

        if blends < 1:
            raise ValueError(f"`blends` must be positive. Received: blends={blends}")
        withheld = split_indices(source.ids)[side]
        if len(withheld) < 2:
            raise ValueError(
                f"at least two galaxies must be withheld for the {side}, one in twenty is. "
                f"Received: {len(withheld)} of {len(source)} galaxies"
            )
        self._blends = blends
        self._ids = source.ids
        self.blend_mode = blend_mode
        self._sequence = BlendSequence(
            source,
            withheld,
            batch_size=1,
            batches=blends,
            seed=seed,
            geometry=geometry,
            blend_mode=blend_mode,
            augment=False,
            degrade=degrade,
            lupton_share=lupton_share,
        )
        looked_at = [self._sequence.galaxies(n) for n in range(min(blends, LOOKED_AT))]
        self.description = {
            "blends": blends,
            "galaxies": len(withheld),
            "seed": seed,
            "blend_mode": blend_mode,
            "perturb": self._sequence.geometry.perturb,
            **({"degrade": degrade} if degrade else {}),
            **({"lupton_share": lupton_share} if lupton_share else {}),
            "fingerprint": _fingerprint(source, np.unique(looked_at)),
        }

    def __len__(self) -> int:
        return self._blends

    def take(self, numbers: Sequence[int]) -> Chunk:
        """Make the blends of some numbers."""
        self._check_numbers(numbers)
        made = [self._sequence[number] for number in numbers]
        blend = np.concatenate([blend for blend, _ in made])
        truth = np.concatenate([layers_of(images) for _, images in made])
        return Chunk(blend, truth, np.ones(blend.shape[:3], bool))

    @cached_property
    def galaxies(self) -> np.ndarray:
        """Numbers of the two galaxies that each blend shows, int array `(blends, 2)`.

        Galaxies that no blend was made of before are read for it.
        """
        return np.concatenate([self._sequence.galaxies_shown(n) for n in range(len(self))])

    def galaxy_ids(self) -> np.ndarray:
        """Return the ids of the two galaxies that each blend shows, as text `(blends, 2)`."""
        return np.array([[self._ids[galaxy] for galaxy in pair] for pair in self.galaxies])


def _fingerprint(source: GalaxySource, galaxies: Iterable[int]) -> str:
    """Return a short hash of what decides which galaxies meet, and of some of their images."""
    text = "\n".join([*source.ids, *map(str, source.parts)])

    def parts() -> Iterator[bytes]:
        yield text.encode("utf-8", "surrogateescape")
        for number in galaxies:
            with contextlib.suppress(ImageReadError):
                yield read_galaxy(source, number).tobytes()

    return fingerprint(parts())
