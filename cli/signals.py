"""What commands that write large files do when they are told to end."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_cleans_up() -> Iterator[None]:
    """Have SIGTERM remove what is half written, as Ctrl-C does, and exit with its number."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
