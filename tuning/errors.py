"""What can end a trial or a search, and how it is said."""

import contextlib
import errno
from collections.abc import Callable, Iterator

from keras_tuner.errors import FatalError

from kdeblend.io.errors import in_words, is_out_of_memory


class SearchStoppedError(FatalError):
    """Raised when the search is to stop here and can be resumed.

    Args:
        reason: A signal's name, or what else ended it.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class TrialTakenError(FatalError):
    """Raised when the trial has been given to another worker."""


class FilesError(OSError):
    """Raised when a disk is full, data are gone or a folder is another's: no fault of the trial."""


class InfeasibleTrialError(ValueError):
    """Raised when a network is over a limit of the search."""


@contextlib.contextmanager
def files_apart(check_data: Callable[[], object]) -> Iterator[None]:
    """Raise what is a fault of files as `FilesError`.

    A lack of memory and a process that died of it are an `OSError`, too, but no such; and data that
    are gone look like any mistake in the middle of a training, so they are looked at again.

    Args:
        check_data: Raises `OSError` or `ValueError` if the data cannot be used.

    Raises:
        FilesError: If files or data cannot be used.
    """
    try:
        yield
    except (FatalError, InfeasibleTrialError, ChildProcessError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOMEM, errno.EAGAIN):
            raise
        raise _files_error(error) from error
    except Exception as error:  # TensorFlow makes a kind of its own of what data raise
        try:
            check_data()
        except (OSError, ValueError) as gone:
            raise _files_error(gone) from error
        raise


def describe_error(error: Exception) -> str:
    """Return the reason of a failure in one line.

    Args:
        error: What a trial raised.
    """
    text = " ".join(str(error).split())
    if is_out_of_memory(error):
        return in_words(error)
    if isinstance(error, ValueError | ArithmeticError | RuntimeError) and text:
        return text[:500]
    return f"{type(error).__name__}: {text[:500]}"


def _files_error(error: Exception) -> FilesError:
    if isinstance(error, OSError) and error.filename is not None:
        return FilesError(error.errno, error.strerror, error.filename)
    return FilesError(*error.args)
