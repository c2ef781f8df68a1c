"""Paths of files among the hyper-parameters, made absolute so that a run resumes from anywhere."""

import os

NAMES = ("hubble", "imagenet", "none")
"""What stands in the place of a path and is none."""


def absolute(path: str) -> str:
    """Return the absolute path of a file or a folder; a name, or what is not there, as it is.

    Args:
        path: A path, or one of `NAMES`.
    """
    return os.path.abspath(path) if path not in NAMES and os.path.exists(path) else path
