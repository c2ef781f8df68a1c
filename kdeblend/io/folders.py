"""Folders of results, each for one kind of results: the files that tell which kind it is."""

from pathlib import Path

MARKS = {
    "a training run": "config.yaml",
    "a search": "search.yaml",
    "a scoring": "parts/settings.json",
}


def refuse_other_results(folder: Path, own: str) -> None:
    """Refuse a folder that holds results of another kind, whose files would be replaced.

    Args:
        folder: The folder; it need not exist.
        own: The kind of results that are to go there, one of `MARKS`.

    Raises:
        ValueError: If results of another kind are there.
    """
    for kind, mark in MARKS.items():
        if kind != own and (folder / mark).is_file():
            raise ValueError(
                f"`out` must be a new folder, or one of {own}. Received: {str(folder)!r}, which "
                f"holds {kind}"
            )
