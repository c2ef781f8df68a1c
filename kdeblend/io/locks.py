"""Folders that one process at a time works in."""

import contextlib
import errno
import logging
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

NAME = ".lock"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class FolderInUseError(ValueError):
    """Raised when another process works in a folder."""


logger = logging.getLogger("kdeblend")


@contextlib.contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Keep other processes, on this machine, out of a folder inside the block.

    A folder that is not there is made, and taken away again if it is still empty at the end, with
    those above it that were made too. Where the file system has no locks, there is a warning
    instead.

    Args:
        folder: The folder.
        doing: What is done there, for the message: `"training"`.

    Raises:
        OSError: If the folder cannot be made or written to.
        FolderInUseError: If another process is in the folder.
    """
    made = _make(folder)
    lock = FileLock(folder / NAME, timeout=0)
    try:
        _acquire(lock, folder, doing)
    except OSError:
        _remove_if_empty(folder, made)
        raise
    try:
        yield
    finally:
        _remove_if_empty(folder, made)  # while no other process can be in it
        lock.release()


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there, it first."""
    made: list[Path] = []
    for each in reversed([each for each in (folder, *folder.parents) if not each.exists()]):
        with contextlib.suppress(FileExistsError):  # another process was quicker
            each.mkdir()
            made.insert(0, each)
    folder.mkdir(exist_ok=True)  # raises if it is a file
    return made


def _acquire(lock: BaseFileLock, folder: Path, doing: str) -> None:
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUseError(
            f"`out` must be a folder in which no other process is {doing}. "
            f"Received: out={str(folder)!r}, where one is"
        ) from None
    except (NotImplementedError, OSError) as error:  # which of them, versions of filelock differ
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        logger.warning(
            "%s cannot be locked on this file system: see to it that no other process is %s there",
            *(folder, doing),
        )


def _remove_if_empty(folder: Path, made: list[Path]) -> None:
    """Remove a folder that was made and has nothing but its lock, and those made above it."""
    with contextlib.suppress(OSError):
        if folder in made and {file.name for file in folder.iterdir()} <= {NAME}:
            (folder / NAME).unlink(missing_ok=True)
            for each in made:
                each.rmdir()
