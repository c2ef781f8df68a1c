"""What went wrong, in words for a user."""

OUT_OF_MEMORY = (
    "resource_exhausted", "resourceexhausted", "out of memory", "outofmemory", "memoryerror",
    " oom ", "alloc_failed", "can't allocate memory",
)  # fmt: skip


def in_words(error: Exception, name_file: bool = True) -> str:
    """Return an error in words, such as "No space left on device: layers/blend_1.png".

    Args:
        error: What was raised.
        name_file: Whether to name the file of an `OSError`; False where the reader knows it.
    """
    if is_out_of_memory(error):
        text = _one_line(error)[:200]
        return f"out of memory: {text}" if text else "out of memory"
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) or type(error).__name__
    if not name_file or error.filename is None:
        return error.strerror
    return f"{error.strerror}: {error.filename}"


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory has ended, that of a GPU included, for which each backend has a kind.

    Args:
        error: What was raised.
    """
    if isinstance(error, ValueError | OSError | ImportError):
        return False  # in whose text these words may be a name
    text = f"{type(error).__name__} {_one_line(error)}".lower()
    return any(word in text for word in OUT_OF_MEMORY)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
