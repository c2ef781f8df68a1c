"""All files below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(root: str | os.PathLike) -> Iterator[Path]:
    """Yield the files of a folder and of all folders below it, but no hidden ones.

    Each folder is walked once, those behind links last and none that `root` lies in.

    Args:
        root: The folder; it may be a link or hidden itself.

    Yields:
        Paths that begin with `root`. Links to files are among them, also those to nothing.
    """
    base, walked, tops = Path(root).resolve(), set(), [os.fspath(root)]
    for number, top in enumerate(tops):  # grows by the links that are found
        if number and base.is_relative_to(os.path.realpath(top)):
            continue
        for folder, folders, files in os.walk(top):
            if (real := os.path.realpath(folder)) in walked:
                folders.clear()
                continue
            walked.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            tops += filter(os.path.islink, [os.path.join(folder, name) for name in folders])
            yield from (Path(folder, name) for name in files if not name.startswith("."))
