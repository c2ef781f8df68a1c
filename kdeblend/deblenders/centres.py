"""A table of where the central galaxies of images are."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path

COLUMNS = ("file", "x", "y")

Centre = tuple[int, int]


def read_centres(path: str | os.PathLike) -> dict[str, Centre]:
    """Read a table of central galaxies, as catalogues give them.

    Args:
        path: A CSV file with a header and the columns `file`, the name of an image, with or
            without folders in front of it, and `x` and `y`, column and row in pixels, from 0
            at the upper left. Fractions are rounded; other columns do not count.

    Returns:
        Column and row `(x, y)` by file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no such table, or names a file twice.
    """
    centres: dict[str, Centre] = {}
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            names = rows.fieldnames or []
            if not set(COLUMNS) <= set(names):
                raise ValueError(f"must have the columns {', '.join(COLUMNS)}. Received: {names}")
            for row in rows:
                name = Path(row["file"]).as_posix()
                if name in centres:
                    raise ValueError(f"must name each file once. Received: {name} again")
                centres[name] = _centre(row)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}: {error}") from error
    return centres


def find_centre(centres: Mapping[str, Centre], image: Path) -> Centre:
    """Return where the central galaxy of an image is.

    Args:
        centres: Column and row by file, as `read_centres` gives them.
        image: Path of the image. The longest end of it that is in the table counts.

    Raises:
        ValueError: If the table has no row for it.
    """
    parts = image.absolute().parts
    for start in range(len(parts)):
        name = Path(*parts[start:]).as_posix()
        if name in centres:
            return centres[name]
    raise ValueError("the table of centres has no row for this file")


def _centre(row: Mapping[str, str]) -> Centre:
    try:
        return round(float(row["x"])), round(float(row["y"]))
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"x and y must be numbers. Received: {row['x']!r}, {row['y']!r} for {row['file']}"
        ) from error
