"""What went wrong, in words for a user."""


def in_words(error: Exception, name_file: bool = True) -> str:
    """Return an error in one line, such as "No space left on device: layers/blend_1.png".

    Args:
        error: What was raised.
        name_file: Whether to name the file of an `OSError`; False where the reader knows it.
    """
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) or type(error).__name__
    if not name_file or error.filename is None:
        return error.strerror
    return f"{error.strerror}: {error.filename}"
