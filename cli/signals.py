"""What commands do when they are told to end."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

GO_ON = "Stopped; go on with the same command and --resume."


@contextmanager
def sigterm_cleans_up() -> Iterator[None]:
    """Have SIGTERM remove what is half written, as Ctrl-C does, and exit with its number."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def ctrl_c_says(message: str | Callable[[], str]) -> Iterator[None]:
    """Have Ctrl-C print a message and exit with 130, as shells do.

    Args:
        message: What has become of the work, or a function that says it then.
    """
    try:
        yield
    except KeyboardInterrupt:
        click.echo(message() if callable(message) else message, err=True)
        sys.exit(130)
