"""A table of where the central galaxies of images are, one or more of each image."""

import csv
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

COLUMNS = ("file", "x", "y")
NAME = "name"  # the column that may be missing

Centre = tuple[int, int]
Centres = Mapping[str, Mapping[str, Centre | None]]


def read_centres(path: str | os.PathLike) -> Centres:
    """Read a table of central galaxies, as catalogues give them.

    Args:
        path: A CSV file in UTF-8 with a header and the columns `file`, the name of an image,
            with or without folders in front of it, and `x` and `y`, column and row in pixels,
            from 0 at the upper left. The column `name` tells the galaxies of a file in several
            rows apart; it may be missing or empty where a file is in one. Fractions are rounded;
            other columns, and rows that are blank, do not count.

    Returns:
        Column and row `(x, y)` by file and by name, which is empty where the table gives none;
        None where it leaves `x` or `y` open.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such table, or galaxies of a file cannot be told apart.

    Example:
        >>> read_centres("catalogue.csv")
        {'a.png': {'': (62, 31)}, 'field.png': {'17': (40, 39), '18': (212, 305)}}
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return _read(csv.reader(file))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8. Received: {error}") from error
    except csv.Error as error:
        raise ValueError(f"cannot read {path} as a CSV file: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


class SameCentre:
    """One centre for all images, each of which has one galaxy without a name.

    Args:
        centre: Column and row `(x, y)`, from 0 at the upper left; None for the middle.
    """

    def __init__(self, centre: Centre | None = None):
        self._centre = centre

    def galaxies(self, image: Path) -> list[str]:
        """Return the names of the galaxies of an image."""
        return [""]

    def find(self, image: Path, galaxy: str = "") -> Centre | None:
        """Return where a galaxy of an image is, None for the middle."""
        return self._centre

    def unused(self, images: Iterable[Path]) -> list[str]:
        """Return the files of the table that none of some images goes by: there is no table."""
        return []


class CentreTable:
    """The centres of a table, of one or more galaxies of each image.

    Of the files in the table that could be meant by the path of an image, the longest counts.

    Args:
        rows: As `read_centres` gives them.
    """

    def __init__(self, rows: Centres):
        self._rows = rows

    def galaxies(self, image: Path) -> list[str]:
        """Return the names of the galaxies of an image; one that is not there has one without."""
        name = self._name(image)
        return list(self._rows[name] if name is not None else ()) or [""]

    def find(self, image: Path, galaxy: str = "") -> Centre:
        """Return where a galaxy of an image is.

        Args:
            image: Path of the image.
            galaxy: Name of the galaxy.

        Raises:
            ValueError: If the table does not say it.
        """
        name = self._name(image)
        if name is None or galaxy not in self._rows[name]:
            raise ValueError("the table of centres has no row for it")
        centre = self._rows[name][galaxy]
        if centre is None:
            raise ValueError("the table of centres has no x and y for it")
        return centre

    def unused(self, images: Iterable[Path]) -> list[str]:
        """Return the files of the table that none of some images goes by."""
        used = {self._name(image) for image in images}
        return [name for name in self._rows if name not in used]

    def _name(self, image: Path) -> str | None:
        """Return what the table calls an image."""
        parts = image.absolute().parts
        ends = (Path(*parts[start:]).as_posix() for start in range(len(parts)))
        return next((end for end in ends if end in self._rows), None)


def _read(rows) -> Centres:
    header = [name.strip().lower() for name in next(rows, [])]
    if not set(COLUMNS) <= set(header):
        raise ValueError(f"must have the columns {', '.join(COLUMNS)}. Received: {header}")
    for column in (*COLUMNS, NAME):
        if header.count(column) > 1:
            raise ValueError(f"must have one column {column}. Received: {header}")
    centres: dict[str, dict[str, Centre | None]] = {}
    for row in rows:
        fields = [field.strip() for field in row]
        if not any(fields):
            continue
        if len(fields) != len(header):
            raise ValueError(
                f"each row must have {len(header)} fields. Received: {len(fields)} in line "
                f"{rows.line_num}"
            )
        try:
            _add(centres, dict(zip(header, fields, strict=True)))
        except ValueError as error:
            raise ValueError(f"{error} in line {rows.line_num}") from error
    return centres


def _add(centres: dict[str, dict[str, Centre | None]], values: Mapping[str, str]) -> None:
    galaxy = values.get(NAME, "")
    if not values["file"]:
        raise ValueError("file must not be empty")
    if not galaxy.isprintable() or set(galaxy) & set("/\\"):
        raise ValueError(
            f"a name must fit into that of a file, without / and \\. Received: {galaxy!r}"
        )
    file = Path(values["file"]).as_posix()
    galaxies = centres.setdefault(file, {})
    if galaxy in galaxies or "" in galaxies or (galaxies and not galaxy):
        raise ValueError(
            "each galaxy of a file in several rows must have a name of its own, in the column "
            f"{NAME}. Received: {file} again, {NAME}={galaxy!r}"
        )
    galaxies[galaxy] = _centre(values["x"], values["y"])


def _centre(x: str, y: str) -> Centre | None:
    try:
        values = float(x or "nan"), float(y or "nan")
    except ValueError as error:
        raise ValueError(f"x and y must be numbers. Received: {x!r}, {y!r}") from error
    if not all(map(math.isfinite, values)):
        return None
    return round(values[0]), round(values[1])
