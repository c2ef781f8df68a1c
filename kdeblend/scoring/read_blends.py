"""Blends with known truth from an `.npz` file."""

import itertools
import logging
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from kdeblend.data.blend_modes import BLEND_MODES, superpose
from kdeblend.deblenders.deblender import check_blends
from kdeblend.io.images import to_float
from kdeblend.io.npz import NpzRows, npz_names
from kdeblend.scoring.blends import CHUNK, BlendSet, Chunk
from kdeblend.scoring.read_answers import (
    check_levels,
    levels,
    names_of_answers,
    usable_answers,
)

logger = logging.getLogger("kdeblend")

RESERVED = ("blend", "truth", "valid")
MODE_TELLING = 0.1
MODE_TOLERANCE = 0.03  # some grey levels, as of a JPEG file


class ReadBlends(BlendSet):
    """Blends of an `.npz` file, of which only those asked for are in memory.

    It holds `blend` `(n, height, width, bands)` and `truth` `(n, 2, height,
    width, bands)`, uint8, uint16 or floats in [0, 1], and may hold `valid`,
    boolean, `(height, width)` or `(n, height, width)`, and `galaxies` `(n, 2)`, text or
    whole numbers, which say which galaxies the blends show. Any other array of five axes
    is a deblender's answer under the array's name, and must have the shape of `truth`; the
    rest is left aside. Answers of floats are clipped to [0, 1], as those of deblenders are;
    one that is not finite everywhere on a blend is a failure there.

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
        self.predictions = names_of_answers(path, arrays)
        used = [name for name in arrays if name in RESERVED or name in self.predictions]
        self._arrays = {name: arrays[name] for name in used}
        self._blends = len(truth) if blends is None else min(blends, len(truth))
        self._ids = self._galaxy_ids(arrays)
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
            {name: usable_answers(found[name]) for name in self.predictions},
        )

    @cached_property
    def galaxies(self) -> np.ndarray | None:
        """Numbers of the two galaxies of each blend, `(blends, 2)`, if the file names them."""
        if self._ids is None:
            return None
        return np.unique(self._ids, return_inverse=True)[1].reshape(-1, 2)

    def galaxy_ids(self) -> np.ndarray | None:
        """Return the ids of the two galaxies of each blend, `galaxies` of the file, if it is there.

        Returns:
            Text array `(blends, 2)`: the central galaxies and the other ones.
        """
        return self._ids

    def _galaxy_ids(self, arrays: dict[str, NpzRows]) -> np.ndarray | None:
        galaxies = arrays.get("galaxies")
        if galaxies is None:
            return None
        expected = (len(arrays["truth"]), 2)
        if galaxies.shape != expected or galaxies.dtype.kind not in "USiu":
            raise ValueError(
                f"`galaxies` in {self._path} must be text or whole numbers of shape {expected}. "
                f"Received: {galaxies.dtype} of shape {galaxies.shape}"
            )
        names = self._rows(galaxies, range(self._blends))
        if names.dtype.kind == "S":
            return np.char.decode(names, "utf-8", "surrogateescape")
        return names.astype(str)

    def _valid(self, numbers: Sequence[int]) -> np.ndarray:
        if "valid" not in self._arrays:
            return np.ones((len(numbers), *self._arrays["blend"].shape[1:3]), bool)
        if len(self._arrays["valid"].shape) == 3:
            return self._read("valid", numbers)
        rows = self._read("valid", range(len(self._arrays["valid"])))
        return np.repeat(rows[None], len(numbers), axis=0)

    def _read(self, name: str, numbers: Sequence[int]) -> np.ndarray:
        return self._rows(self._arrays[name], numbers)

    def _rows(self, array: NpzRows, numbers: Sequence[int]) -> np.ndarray:
        try:
            return array[numbers]
        except (zipfile.BadZipFile, zlib.error, OSError) as error:
            raise _unreadable(self._path, error) from error

    def _check_values(self) -> None:
        """Check all images, a few at a time: only those of answers may leave [0, 1]."""
        for name, rows in itertools.product(("blend", "truth"), self._in_chunks()):
            for number, row in zip(rows, self._read(name, rows), strict=True):
                try:
                    check_blends(row.reshape(-1, *row.shape[-3:]))
                except ValueError as error:
                    raise ValueError(
                        f"`{name}` of blend {number} in {self._path}: {error}"
                    ) from error
        for name in self.predictions:
            found = [levels(self._read(name, rows)) for rows in self._in_chunks()]
            check_levels(self._path, name, np.concatenate(found))
        for rows in self._in_chunks() if "valid" in self._arrays else ():
            dark = ~self._valid(rows).any(axis=(1, 2))
            if dark.any():
                raise ValueError(
                    f"`valid` in {self._path} must be True somewhere on each blend. "
                    f"Received: False everywhere on blend {rows[int(np.argmax(dark))]}"
                )

    def _in_chunks(self) -> Iterator[range]:
        for start in range(0, self._blends, CHUNK):
            yield range(start, min(start + CHUNK, self._blends))


def _unreadable(path: str | os.PathLike, error: Exception) -> ValueError:
    return ValueError(f"cannot read {path} as an .npz file of arrays: {error}")


def _blend_mode(chunk: Chunk) -> str | None:
    """Return the registered blend mode that gives blends of their truths, or None.

    Only pixels in which the modes differ much are looked at, and half of them must fit.
    """
    by_mode = _blends_by_mode(chunk.truth)
    names = [name for name in BLEND_MODES if name in by_mode]
    made = np.stack([by_mode[name][chunk.valid] for name in names])
    telling = np.ptp(made, axis=0) > MODE_TELLING
    telling = telling if telling.any() else ...
    errors = np.abs(made[:, telling] - chunk.blend[chunk.valid][telling])
    errors = np.median(errors.reshape(len(made), -1), axis=1)
    best = int(np.argmin(errors))
    return names[best] if errors[best] <= MODE_TOLERANCE else None


def _blends_by_mode(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each registered blend mode makes of two galaxies, `(n, height, width, bands)`."""
    made = {}
    for name, blend in BLEND_MODES.importable():
        try:
            made[name] = np.array([superpose(blend, *pair) for pair in truth])
        except Exception as error:  # a package may raise anything
            logger.warning("left out the blend mode %s: %s", name, error)
    return made


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
    if len(blend.shape) != 4:
        raise ValueError(
            f"`blend` in {path} must have shape (n, height, width, bands). Received: {blend.shape}"
        )
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
