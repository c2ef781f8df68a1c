"""Blends with known truth, in chunks, so that memory does not grow with their number."""

import hashlib
import itertools
import os
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES
from kdeblend.data.geometry import BlendGeometry
from kdeblend.data.source import GalaxySource
from kdeblend.data.split import split_indices
from kdeblend.deblenders.deblender import check_blends
from kdeblend.io.images import to_float
from kdeblend.io.npz import NpzRows, npz_names

CHUNK = 32
RESERVED = ("blend", "truth", "valid")
MODE_TOLERANCE = 0.01


@dataclass(frozen=True)
class Chunk:
    """A few test blends.

    Args:
        blend: Array `(n, height, width, bands)`, float32 in [0, 1].
        truth: Array `(n, 2, height, width, bands)` of the same units: the central
            galaxy and the other one.
        valid: Boolean array `(n, height, width)`, False where a pixel must not
            count, or None where all do.
        predictions: Layers that others found, shaped as `truth`, by their name.
    """

    blend: np.ndarray
    truth: np.ndarray
    valid: np.ndarray | None = None
    predictions: dict[str, np.ndarray] = field(default_factory=dict)

    def rows(self, rows: slice) -> "Chunk":
        """Return some of the blends, without predictions."""
        valid = None if self.valid is None else self.valid[rows]
        return replace(
            self, blend=self.blend[rows], truth=self.truth[rows], valid=valid, predictions={}
        )


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
        )
        self.description = {
            "blends": blends,
            "galaxies": len(withheld),
            "seed": seed,
            "blend_mode": blend_mode,
            "perturb": self._sequence.geometry.perturb,
            "fingerprint": _fingerprint(source),
        }

    def __len__(self) -> int:
        return self._blends

    def take(self, numbers: Sequence[int]) -> Chunk:
        """Make the blends of some numbers."""
        self._check_numbers(numbers)
        made = [self._sequence[number] for number in numbers]
        blend = np.concatenate([blend for blend, _ in made])
        pairs = np.concatenate([np.stack(pair, axis=1) for _, pair in made])
        return Chunk(blend, (pairs + 1) / 2)


def _fingerprint(source: GalaxySource) -> str:
    """Return a short hash of what decides which galaxies meet: their ids and parts."""
    text = "\n".join([*source.ids, *map(str, source.parts)])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


class ReadBlends(BlendSet):
    """Blends of an `.npz` file, of which only those asked for are in memory.

    It holds `blend` `(n, height, width, bands)` and `truth` `(n, 2, height,
    width, bands)`, uint8, uint16 or floats in [0, 1], and may hold `valid`,
    boolean, `(height, width)` or `(n, height, width)`. Any other array with the
    shape of `truth` is a deblender's answer under the array's name; the rest is
    left aside.

    Args:
        path: The file.
        blends: How many to take, from the first on. Defaults to all.
        blend_mode: How they were made. Defaults to the registered mode that gives the
            first blends of their truths, if there is one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the blend mode is unknown, or the file does not hold that.
    """

    def __init__(
        self, path: str | os.PathLike, blends: int | None = None, blend_mode: str | None = None
    ):
        if blend_mode is not None and blend_mode not in BLEND_MODES:
            raise ValueError(
                f"`blend_mode` must be one of {sorted(BLEND_MODES)}. Received: {blend_mode!r}"
            )
        self._path = path
        try:
            arrays = {name: NpzRows(path, name) for name in npz_names(path)}
        except FileNotFoundError:
            raise
        except Exception as error:  # zipfile, NumPy and zlib raise kinds of their own
            raise _unreadable(path, error) from error
        _check_shapes(path, arrays)
        truth = arrays["truth"]
        self.predictions = tuple(
            name for name in arrays if name not in RESERVED and arrays[name].shape == truth.shape
        )
        used = [name for name in arrays if name in RESERVED or name in self.predictions]
        self._arrays = {name: arrays[name] for name in used}
        self._blends = len(truth) if blends is None else min(blends, len(truth))
        self._check_values()
        self.blend_mode = blend_mode or _blend_mode(self.take(range(min(CHUNK, self._blends))))
        self.description = {
            "file": os.fspath(path),
            "blends": self._blends,
            "blend_mode": self.blend_mode,
            "fingerprint": " ".join(f"{array.checksum:08x}" for array in self._arrays.values()),
        }

    def __len__(self) -> int:
        return self._blends

    def take(self, numbers: Sequence[int]) -> Chunk:
        """Read the blends of some numbers."""
        self._check_numbers(numbers)
        found = {name: self._read(name, numbers) for name in self._arrays if name != "valid"}
        return Chunk(
            to_float(found.pop("blend")),
            to_float(found.pop("truth")),
            self._valid(numbers),
            {name: to_float(found[name]) for name in self.predictions},
        )

    def _valid(self, numbers: Sequence[int]) -> np.ndarray | None:
        if "valid" not in self._arrays:
            return None
        if len(self._arrays["valid"].shape) == 3:
            return self._read("valid", numbers)
        rows = self._read("valid", range(len(self._arrays["valid"])))
        return np.repeat(rows[None], len(numbers), axis=0)

    def _read(self, name: str, numbers: Sequence[int]) -> np.ndarray:
        try:
            return self._arrays[name][numbers]
        except (zipfile.BadZipFile, zlib.error, OSError) as error:
            raise _unreadable(self._path, error) from error

    def _check_values(self) -> None:
        """Check that all images are in [0, 1], a few at a time."""
        names = [name for name in self._arrays if name != "valid"]
        for name, start in itertools.product(names, range(0, self._blends, CHUNK)):
            rows = self._read(name, range(start, min(start + CHUNK, self._blends)))
            try:
                check_blends(rows.reshape(-1, *rows.shape[-3:]))
            except ValueError as error:
                raise ValueError(f"`{name}` in {self._path}: {error}") from error
        for number in range(self._blends if "valid" in self._arrays else 0):
            if not self._valid([number]).any():  # type: ignore[union-attr]
                raise ValueError(
                    f"`valid` in {self._path} must be True somewhere on each blend. "
                    f"Received: False everywhere on blend {number}"
                )


def _unreadable(path: str | os.PathLike, error: Exception) -> ValueError:
    return ValueError(f"cannot read {path} as an .npz file of arrays: {error}")


def _blend_mode(chunk: Chunk) -> str | None:
    """Return the registered blend mode that gives blends of their truths, or None."""
    counted = ... if chunk.valid is None else chunk.valid
    errors = {
        name: np.abs(superpose(chunk.truth[:, 0], chunk.truth[:, 1]) - chunk.blend)[counted].mean()
        for name, superpose in BLEND_MODES.items()
    }
    best = min(errors, key=lambda name: errors[name])
    return best if errors[best] <= MODE_TOLERANCE else None


def _check_shapes(path: str | os.PathLike, arrays: dict[str, NpzRows]) -> None:
    """Check the arrays of a file against one another.

    Raises:
        ValueError: With the file's and the array's name.
    """
    if not {"blend", "truth"} <= set(arrays):
        raise ValueError(
            f"{path} must hold the arrays `blend` and `truth`. Received: {sorted(arrays)}"
        )
    blend, truth, valid = arrays["blend"], arrays["truth"], arrays.get("valid")
    if not len(blend):
        raise ValueError(f"{path} must hold at least one blend. Received: none")
    if truth.shape != (len(blend), 2, *blend.shape[1:]):
        raise ValueError(
            f"`truth` in {path} must have the shape of `blend` with an axis of two galaxies after "
            f"the first. Received: truth {truth.shape}, blend {blend.shape}"
        )
    if valid is not None and (
        valid.dtype != bool or valid.shape not in (blend.shape[:3], blend.shape[1:3])
    ):
        raise ValueError(
            f"`valid` in {path} must be boolean of shape {blend.shape[1:3]} or {blend.shape[:3]}. "
            f"Received: {valid.dtype} of shape {valid.shape}"
        )
