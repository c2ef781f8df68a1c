"""Which files to deblend, and what to call what comes out of each."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from kdeblend.deblenders.panel import is_panel
from kdeblend.io.images import IMAGE_SUFFIXES
from kdeblend.io.walk import files_below

PANEL = "_panel.png"
LAYERS = ("_1", "_2")
LAYER_SUFFIXES = (".png", ".tif", ".npy")
ENDINGS = (PANEL, *(layer + suffix for layer in LAYERS for suffix in LAYER_SUFFIXES))
FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz")


@dataclass(frozen=True)
class Job:
    """One galaxy of an image to take as the central one.

    Args:
        source: The file to read.
        folder: Folder to write to.
        name: Outputs are called `name_1.*`, `name_2.*` and `name_panel.png`.
        galaxy: Name of the galaxy, if it has one.
    """

    source: Path
    folder: Path
    name: str
    galaxy: str = ""

    def __str__(self):
        return f"{self.source}: {self.galaxy}" if self.galaxy else str(self.source)

    @property
    def panel(self) -> Path:
        """Path of the panel, which marks the layers as written by kdeblend."""
        return self.folder / f"{self.name}{PANEL}"

    def layers(self, suffix: str) -> list[Path]:
        """Return the paths of both layers, with `suffix` such as `".png"`."""
        return [self.folder / f"{self.name}{layer}{suffix}" for layer in LAYERS]


@dataclass
class Inputs:
    """What the paths given by a user stand for.

    Attributes:
        files: Each image to deblend and its place below the folder that named it.
        outputs: Files left out, because an earlier run has written them.
        missing: Reason by path that stands for no image.
        fits: FITS files below the folders, which are not read.
    """

    files: dict[Path, Path] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    fits: list[Path] = field(default_factory=list)

    @classmethod
    def collect(cls, paths: Iterable[str | os.PathLike]) -> "Inputs":
        """Expand files, folders with all that is below them, and globs.

        A file is counted once, however often it is named, links to it apart. `x_1.png`, `x_2.png`
        and `x_panel.png` are outputs of an earlier run if `x_panel.png` is a panel of one,
        and are left out unless such a file is all that is named.

        Args:
            paths: Files, folders and globs (`**` goes into sub-folders).
        """
        named = [os.fspath(path) for path in paths]
        inputs, seen = cls(), set()
        fits: dict[Path, None] = {}
        for path in named:
            below = list(files_below(path)) if Path(path).is_dir() else None
            fits |= dict.fromkeys(sorted(filter(_is_fits, below or ())))
            found = _expand(path) if below is None else _images_in(Path(path), below)
            if isinstance(found, str):
                inputs.missing[path] = found
                continue
            for file, place in found.items():
                if (absolute := os.path.abspath(file)) in seen:
                    continue
                seen.add(absolute)
                if is_output(file) and [Path(path) for path in named] != [file]:
                    inputs.outputs.append(file)
                else:
                    inputs.files[file] = place
        inputs.fits = list(fits)
        return inputs


def plan(
    inputs: Inputs,
    out: str | os.PathLike | None,
    galaxies_of: Callable[[Path], Sequence[str]],
) -> list[Job]:
    """Name the outputs so that no two collide and none would overwrite an input.

    An output is called as its input without suffix, and its galaxy if it has a name. Inputs of
    the same name get their suffix appended (`a_png`, `a_jpg`), or their folder put in front, in
    this order; what is still the same gets a number.

    Args:
        inputs: What to deblend.
        out: Folder for all outputs; sub-folders of a folder that was named are
            kept. By default each output lies beside its input.
        galaxies_of: Function from a file to the names of its galaxies, one or more; one that is
            empty is left out of the names.

    Returns:
        One job per galaxy, those of a file together and in order.
    """
    galaxies = {file: galaxies_of(file) for file in inputs.files}
    folders = {
        file: file.parent if out is None else Path(out) / place.parent
        for file, place in inputs.files.items()
    }
    sources = {_key(file) for file in inputs.files}
    names = {file: file.stem for file in inputs.files}
    for scheme in (_with_suffix, _with_folder):
        clashing = _clashing(names, folders, galaxies, sources)
        names |= {file: scheme(file) for file in clashing}
    jobs: list[Job] = []
    taken: set[str] = set()
    for file, name in names.items():
        for galaxy in galaxies[file]:
            unique = _unique(folders[file], _joined(name, galaxy), taken, sources)
            taken.add(_key(folders[file] / unique))
            jobs.append(Job(file, folders[file], unique, galaxy))
    return jobs


def _clashing(names, folders, galaxies, sources: set[str]) -> list[Path]:
    """Return the files that share a name with another, or whose outputs would overwrite an input.

    Args:
        names: What each file is called, by file.
        folders: Folder to write to, by file.
        galaxies: Names of the galaxies, by file.
        sources: Keys of all files.
    """
    keys = {file: _key(folders[file] / name) for file, name in names.items()}
    counts = Counter(keys.values())
    return [
        file
        for file, name in names.items()
        if counts[keys[file]] > 1
        or any(_overwrites(folders[file], _joined(name, each), sources) for each in galaxies[file])
    ]


def _unique(folder: Path, name: str, taken: set[str], sources: set[str]) -> str:
    """Return a name that is not taken and overwrites nothing, with a number if it must."""
    number, unique = 2, name
    while _key(folder / unique) in taken or _overwrites(folder, unique, sources):
        unique, number = f"{name}-{number}", number + 1
    return unique


def is_output(file: Path) -> bool:
    """Tell whether a file is what an earlier run made of another one."""
    for ending in ENDINGS:
        if file.name.endswith(ending):
            return is_panel(file.with_name(file.name.removesuffix(ending) + PANEL))
    return False


def _expand(path: str) -> dict[Path, Path] | str:
    """Return the images that a file name or a pattern stands for, with places, or why none."""
    if Path(path).exists():
        return {Path(path): Path(Path(path).name)}
    if not glob.has_magic(path):
        return "No such file or directory"
    found = sorted(file for file in map(Path, glob.glob(path, recursive=True)) if _is_image(file))
    return {file: Path(file.name) for file in found} or "no images match this pattern"


def _images_in(root: Path, below: Iterable[Path]) -> dict[Path, Path] | str:
    """Return the images of all that is below a folder, with places, or why there are none."""
    images = sorted(filter(_is_image, below))
    return {file: file.relative_to(root) for file in images} or "no images in this folder"


def _is_fits(file: Path) -> bool:
    return file.name.lower().endswith(FITS_SUFFIXES) and os.path.isfile(file)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and os.path.isfile(file)


def _joined(name: str, galaxy: str) -> str:
    return f"{name}_{galaxy}" if galaxy else name


def _with_suffix(file: Path) -> str:
    return file.name.replace(".", "_")


def _with_folder(file: Path) -> str:
    return f"{file.resolve().parent.name}_{_with_suffix(file)}"


def _overwrites(folder: Path, name: str, sources: set[str]) -> bool:
    stem = _key(folder / name)
    return any(f"{stem}{ending}" in sources for ending in ENDINGS)


def _key(path: Path) -> str:
    """Return what is equal for paths that a file system may take for the same."""
    return f"{_resolved(path.parent)}{os.sep}{path.name}".casefold()


@cache
def _resolved(folder: Path) -> Path:
    return folder.resolve()
