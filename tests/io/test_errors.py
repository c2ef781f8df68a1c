import errno

import pytest

from kdeblend.io.errors import in_words


class ResourceExhaustedError(Exception):
    """As TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a.png"), "No such file: a.png"),
        (OSError(errno.ENOSPC, "No space left"), "No space left"),
        (OSError("a.zip ends too soon"), "a.zip ends too soon"),
        (ValueError("`seed` must be positive"), "`seed` must be positive"),
        (MemoryError(), "out of memory"),
        (ResourceExhaustedError("OOM when\n  allocating"), "out of memory: OOM when allocating"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "out of memory: DefaultCPUAllocator: can't allocate memory",
        ),
        (ValueError("no 'out of memory/x.keras'"), "no 'out of memory/x.keras'"),
        (RuntimeError("CUDA out of memory. Tried"), "out of memory: CUDA out of memory. Tried"),
    ],
)
def test_errors_in_words(error, text):
    assert in_words(error) == text


def test_the_file_can_be_left_out():
    error = FileNotFoundError(errno.ENOENT, "No such file", "a.png")
    assert in_words(error, name_file=False) == "No such file"
