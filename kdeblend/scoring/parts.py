"""Finished pieces of a scoring, kept so that a run that was stopped can go on.

parts/settings.json               what is scored, on which blends, by which metrics
parts/choices.json                what tuning has chosen
parts/NAME-HASH/NNNNNNNN.npz      scores of a deblender on the blends from a number on
"""

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.io.atomic import atomic_path, remove_temporaries, write_json
from kdeblend.io.folders import refuse_other_results


@dataclass(frozen=True)
class Part:
    """Scores of one deblender on some blends, or properties of these.

    Args:
        values: By metric or property, array `(n, 2)`.
        milliseconds: Array `(n,)`.
        failures: Message by number of the blend, counted from the first one of the part.
    """

    values: dict[str, np.ndarray]
    milliseconds: np.ndarray
    failures: dict[int, str] = field(default_factory=dict)


class PartsFolder:
    """The folder of finished parts.

    Args:
        folder: The folder; it need not exist.
        names: What has parts: the deblenders, and the properties of the blends.
    """

    def __init__(self, folder: str | os.PathLike, names: Sequence[str]):
        self._folder = Path(folder)
        self._folders = {name: self._folder / _folder_name(name) for name in names}

    def begin(self, settings: dict[str, Any], resume: bool) -> None:
        """Make the folder, or check that what is there belongs to the same scoring.

        Args:
            settings: What the scores depend on, in values that JSON can hold.
            resume: Whether a scoring that is there may go on.

        Raises:
            OSError: If the folder cannot be written to.
            ValueError: If a scoring is there and `resume` is False, or its settings differ, or
                if the folder that holds this one has results of another kind.
        """
        refuse_other_results(self._folder.parent, "a scoring")
        file = self._folder / "settings.json"
        if self._holds_results():
            if not resume:
                raise ValueError(
                    "`out` must be a new folder, or `resume` true (--resume) to go on with the "
                    f"scoring there. Received: {self._folder.parent}, which holds a scoring"
                )
            _check_settings(_read_json(file), settings, self._folder.parent)
        for folder in (self._folder, *self._folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
            remove_temporaries(folder)
        write_json(file, settings)

    def _holds_results(self) -> bool:
        return any(self._folder.glob("*/*.npz")) or (self._folder / "choices.json").is_file()

    def has(self, name: str) -> bool:
        """Tell whether a deblender has any part."""
        return any(self._folders[name].glob("[0-9]*.npz"))

    def choices(self) -> dict[str, Any]:
        """Return what tuning has chosen so far, by deblender."""
        file = self._folder / "choices.json"
        return _read_json(file) if file.is_file() else {}

    def keep_choices(self, choices: dict[str, Any]) -> None:
        """Keep what tuning has chosen."""
        write_json(self._folder / "choices.json", choices)

    def keep(self, name: str, start: int, part: Part) -> None:
        """Write a part.

        Args:
            name: The deblender.
            start: Number of the first blend.
            part: The scores.
        """
        arrays = {f"value {metric}": values for metric, values in part.values.items()}
        arrays["milliseconds"] = part.milliseconds
        arrays["failures"] = np.array(json.dumps(list(part.failures.items())))
        with atomic_path(self._folders[name] / f"{start:08d}.npz") as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]

    def read(self) -> Iterator[tuple[str, int, Part]]:
        """Yield name, number of the first blend and scores of all finished parts.

        Raises:
            ValueError: If a part is damaged.
        """
        for name, folder in self._folders.items():
            for file in sorted(folder.glob("[0-9]*.npz")):
                yield name, int(file.stem), _read_part(file)


def _folder_name(name: str) -> str:
    """Return a name that is legible, differs for each deblender, and suits any file system."""
    slug = re.sub(r"[^\w.-]+", "-", name)[-40:]
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _read_part(file: Path) -> Part:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            values = {
                name.removeprefix("value "): arrays[name]
                for name in arrays.files
                if name.startswith("value ")
            }
            failures = dict(json.loads(str(arrays["failures"])))
            return Part(values, arrays["milliseconds"], failures)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} must be a part of a scoring; delete it. Received: {error}"
        ) from error


def _check_settings(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    differences = [
        f"{name} {new.get(name)!r} instead of {old.get(name)!r}"
        for name in dict.fromkeys([*old, *new])
        if new.get(name) != old.get(name)
    ]
    if differences:
        raise ValueError(
            f"a scoring must go on with the settings that it began with in {folder}. "
            f"Received: {'; '.join(differences)}"
        )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values by names such as `blends.seed`."""
    flat = {}
    for name, value in values.items():
        inner = _flat(value) if isinstance(value, dict) else None
        flat.update({f"{name}.{k}": v for k, v in inner.items()} if inner else {name: value})
    return flat


def _read_json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))
