"""Worker processes: how they end with the main one, and what their own end means."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager


def end_with_parent() -> None:
    """Have this process end when the main one is gone, which a pool would not notice.

    A main process that was killed can tell nobody. Call it where a worker starts.
    """
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


@contextmanager
def workers_that_live(doing: str, advice: str) -> Iterator[None]:
    """Say in words that a worker of a pool has died.

    Args:
        doing: What the worker was doing, `"scored blends"`.
        advice: What the user can do.

    Raises:
        ChildProcessError: If one has.
    """
    try:
        yield
    except BrokenProcessPool as error:
        raise ChildProcessError(
            f"a process that {doing} has died, perhaps for want of memory; {advice}"
        ) from error


def _wait_for_the_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
