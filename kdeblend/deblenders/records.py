"""What layers were made of, and how: kept in their panel, so that a later run can tell."""

import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kdeblend.deblenders.deblender import Deblender
from kdeblend.deblenders.inputs import LAYER_SUFFIXES, Job
from kdeblend.deblenders.panel import read_record

Record = dict[str, Any]


def settings_record(deblender: Deblender) -> Record:
    """Return what the layers of every image depend on, in values that JSON gives back equal.

    Args:
        deblender: What separates the galaxies.
    """
    settings = {"kdeblend": version("kdeblend"), "deblender": deblender.settings()}
    return json.loads(json.dumps(settings, default=str))


def image_record(
    settings: Record,
    source: Path,
    sha256: str,
    centre: tuple[int, int] | None,
    size: int | None,
) -> Record:
    """Return what the layers of one galaxy of an image depend on.

    Args:
        settings: As `settings_record` gives it.
        source: Path of the image.
        sha256: Sum of the whole file, hexadecimal.
        centre: Column and row of the central galaxy, None for the middle.
        size: Side in pixels of what is cut out around it, None for the whole image.
    """
    return settings | {
        "input": str(source.resolve()),
        "sha256": sha256,
        "centre": None if centre is None else list(centre),
        "size": size,
    }


def is_done(job: Job, record: Record) -> bool:
    """Tell whether an earlier run has written all that a job would write, wherever the image was.

    The panel is written before the layers, so that layers older than it are those of the
    run before.

    Args:
        job: The image and where its layers go.
        record: What they would be made of.
    """
    earlier = read_record(job.panel)
    if not earlier or earlier | {"input": record["input"]} != record:
        return False
    since = job.panel.stat().st_mtime_ns
    written = {suffix: map(_modified, job.layers(suffix)) for suffix in LAYER_SUFFIXES}
    return any(min(times) >= since for times in written.values())


def check_free(job: Job, outputs: Iterable[Path], record: Record) -> None:
    """Check that the outputs of a job replace nothing but earlier ones of the same image.

    That is the file at the same path, or an equal one that was moved.

    Args:
        job: The image and where its layers go.
        outputs: What is to be written.
        record: What it is made of.

    Raises:
        FileExistsError: If something else is there.
    """
    earlier = read_record(job.panel)
    if earlier is None:
        for path in outputs:
            if path.exists():
                raise FileExistsError(
                    f"{path} must not be overwritten: no panel beside it says that it is a result "
                    "of kdeblend. Move it or choose another output folder"
                )
    elif earlier and not _same_image(earlier, record):
        raise FileExistsError(
            f"{job.panel} must not be overwritten: it is of another image, "
            f"{earlier.get('input')}. Move it or choose another output folder"
        )


def _same_image(earlier: Record, record: Record) -> bool:
    moved = all(earlier.get(key) == record[key] for key in ("sha256", "centre"))
    return moved or earlier.get("input") == record["input"]


def _modified(path: Path) -> int:
    """Return when a file was written last, in ns; -1 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1
