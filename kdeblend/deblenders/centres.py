"""A table of where the central galaxies of images are."""

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path

COLUMNS = ("file", "x", "y")

Centre = tuple[int, int]
Centres = Mapping[str, Centre | None]


def read_centres(path: str | os.PathLike) -> Centres:
    """Read a table of central galaxies, as catalogues give them.

    Args:
        path: A CSV file in UTF-8 with a header and the columns `file`, the name of an image,
            with or without folders in front of it, and `x` and `y`, column and row in pixels,
            from 0 at the upper left. Fractions are rounded; other columns, and rows that are
            blank, do not count.

    Returns:
        Column and row `(x, y)` by file; None where the table leaves one open.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such table, or names a file twice.
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


def find_centre(centres: Centres, image: Path) -> Centre:
    """Return where the central galaxy of an image is.

    Args:
        centres: Column and row by file, as `read_centres` gives them.
        image: Path of the image. The longest end of it that is in the table counts.

    Raises:
        ValueError: If the table does not say it.
    """
    parts = image.absolute().parts
    ends = (Path(*parts[start:]).as_posix() for start in range(len(parts)))
    name = next((end for end in ends if end in centres), None)
    if name is None:
        raise ValueError("the table of centres has no row for this file")
    centre = centres[name]
    if centre is None:
        raise ValueError("the table of centres has no x and y for this file")
    return centre


def _read(rows) -> Centres:
    header = [name.strip().lower() for name in next(rows, [])]
    if not set(COLUMNS) <= set(header):
        raise ValueError(f"must have the columns {', '.join(COLUMNS)}. Received: {header}")
    places = [header.index(name) for name in COLUMNS]
    centres: dict[str, Centre | None] = {}
    for row in rows:
        fields = [field.strip() for field in row]
        if not any(fields):
            continue
        if len(fields) != len(header):
            raise ValueError(
                f"each row must have {len(header)} fields. Received: {len(fields)} in line "
                f"{rows.line_num}"
            )
        name, x, y = (fields[place] for place in places)
        name = Path(name).as_posix()
        if name in centres:
            raise ValueError(f"must name each file once. Received: {name} again")
        try:
            centres[name] = _centre(x, y)
        except ValueError as error:
            raise ValueError(
                f"x and y must be numbers. Received: {x!r}, {y!r} in line {rows.line_num}"
            ) from error
    return centres


def _centre(x: str, y: str) -> Centre | None:
    values = float(x or "nan"), float(y or "nan")
    if not all(map(math.isfinite, values)):
        return None
    return round(values[0]), round(values[1])
