"""Folders that one process at a time works in."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

NAME = ".lock"

logger = logging.getLogger("kdeblend")


@contextlib.contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Keep other processes, on this machine, out of a folder inside the block.

    A folder that is not there is made, and taken away again if it is still empty at the end.
    Where the file system has no locks, there is a warning instead.

    Args:
        folder: The folder.
        doing: What is done there, for the message: `"training"`.

    Raises:
        ValueError: If another process is in the folder.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / NAME, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(
            f"`out` must be a folder in which no other process is {doing}. "
            f"Received: out={str(folder)!r}, where one is"
        ) from None
    except NotImplementedError:
        logger.warning(
            "%s cannot be locked on this file system: see to it that no other process is %s there",
            *(folder, doing),
        )
    try:
        yield
    finally:
        lock.release()
        if is_new and {file.name for file in folder.iterdir()} <= {NAME}:
            (folder / NAME).unlink(missing_ok=True)
            folder.rmdir()
