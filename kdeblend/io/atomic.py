"""Writing a file so that it is either complete or not there."""

import csv
import errno
import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TEMPORARY = re.compile(r"\.[0-9a-f]{32}")


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it over `path` at the end.

    A reader sees the old file or the new one, never half of one, even when the
    process is killed or the machine loses power. The temporary file lies in the
    same folder, has the same suffix and a name that starts with a dot; it is
    removed when the block raises.

    Args:
        path: The file to write. Its folder must exist.

    Yields:
        A path at which nothing exists yet.

    Raises:
        FileNotFoundError: If the block wrote nothing to the temporary path.
        IsADirectoryError: If `path` is a folder; the block is not begun then.

    Example:
        >>> with atomic_path("scores.csv") as temporary:
        ...     temporary.write_text("psnr\\n34.3\\n")
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    temporary = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(target)  # the name that the user knows
        raise
    _sync_folder(target.parent)


def check_folder(path: str | os.PathLike) -> None:
    """Check that the folder of a file to write is there.

    Args:
        path: The file; it need not exist.

    Raises:
        FileNotFoundError: If the folder is not there; the error names it.
    """
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a file of text, complete or not at all, in UTF-8.

    Args:
        path: The file; an existing one is replaced.
        text: What it is to hold.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, values: Any, **options: Any) -> None:
    """Write a JSON file, complete or not at all.

    Args:
        path: The file; an existing one is replaced.
        values: Anything that JSON can hold.
        options: As `json.dumps` takes them, such as `allow_nan=False`.

    Raises:
        TypeError: If JSON cannot hold a value.
        ValueError: If a value is not finite and `allow_nan` is False.
    """
    write_text(path, json.dumps(values, indent=2, **options) + "\n")


def write_csv(path: str | os.PathLike, header: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write a table, complete or not at all, in UTF-8.

    Args:
        path: The file; an existing one is replaced.
        header: The names of the columns.
        rows: The values of each row. Names of files among them need not be UTF-8.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def remove_temporaries(folder: str | os.PathLike) -> None:
    """Remove what processes that were killed have left half written in a folder.

    Only names as `atomic_path` makes them are touched, and only in the folder itself.

    Args:
        folder: The folder; it need not exist.
    """
    for path in Path(folder).glob(".*"):
        if TEMPORARY.fullmatch(path.stem) and path.is_file():
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the platform can (Windows cannot)."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
