"""Where errors of the library become messages of the command line."""

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from kdeblend.io.errors import in_words, is_out_of_memory

KNOWN = (ValueError, OSError, ImportError, ArithmeticError)
TRACEBACK = "KDEBLEND_TRACEBACK"
"""Environment variable that has Python's whole traceback shown, to find mistakes in a plug-in."""


def report_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a user can put right, such as a ValueError or a full memory, into one line.

    Args:
        command: The function of a click command. Put this decorator below all
            others.

    Example:
        >>> @click.command()
        ... @report_errors
        ... def train(): ...
    """

    @functools.wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:  # click ends quietly when the reader of a pipe has gone
            raise
        except Exception as error:
            known = isinstance(error, KNOWN) or is_out_of_memory(error)
            if os.environ.get(TRACEBACK) or not known:
                raise
            raise click.ClickException(in_words(error)) from error

    return wrapper
