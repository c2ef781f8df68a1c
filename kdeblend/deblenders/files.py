"""Deblending image files: read, deblend in batches, write; one bad file stops nothing."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.deblenders.centring import centre_field
from kdeblend.deblenders.deblender import Deblender, check_blends
from kdeblend.deblenders.inputs import Inputs, Job, plan
from kdeblend.deblenders.panel import is_panel, write_panel
from kdeblend.io.images import ImageReadError, from_float, read_image, to_float, write_image

HELD_PIXELS = 2**24


@dataclass
class Report:
    """What became of the files.

    Attributes:
        written: Panel, central galaxy and other galaxy by input.
        failed: Reason by input that could not be deblended.
        skipped: Files left out, because an earlier run has written them.
    """

    written: dict[Path, list[Path]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)


@dataclass
class _Field:
    """An image on its way: the field to deblend, where the image is on it, its depth."""

    job: Job
    pixels: np.ndarray
    inside: tuple[slice, slice]
    dtype: np.dtype


def deblend_files(
    paths: Iterable[str | os.PathLike],
    deblender: Deblender,
    out: str | os.PathLike | None = None,
    centre: tuple[int, int] | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Report:
    """Deblend image files and write the layers with the bit depth of their input.

    `x.png` gives `x_1.png` (the central galaxy), `x_2.png` (the other one) and
    `x_panel.png` (all three side by side); `x.npy` gives `x_1.npy` and
    `x_2.npy`; a float TIFF gives TIFF. Layers of an earlier run are replaced,
    no other file ever is.

    Args:
        paths: Files, folders and globs; see `Inputs.collect`.
        deblender: What separates the galaxies.
        out: Folder to write to, made if it is not there; by default the folder
            of each input.
        centre: Column and row `(x, y)`, from 0, of the galaxy to take as the
            central one; by default the middle of the image.
        progress: Called after each batch with the number of files that it
            completed, failed ones included, and of all files.

    Returns:
        What was written, and what was not and why.

    Raises:
        OSError: If the folder cannot be made.
    """
    inputs = Inputs.collect(paths)
    report = Report(failed=dict(inputs.missing), skipped=inputs.outputs)
    jobs = plan(inputs, out)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
    before = len(report.failed)
    for batch in _batches(jobs, deblender, centre, report):
        _deblend_batch(batch, deblender, report)
        if progress:
            after = len(report.written) + len(report.failed)
            progress(after - before, len(jobs))
            before = after
    return report


def _batches(jobs, deblender, centre, report: Report) -> Iterator[list[_Field]]:
    """Read files and yield them in groups of one shape, holding few at a time."""
    held: defaultdict[tuple[int, ...], list[_Field]] = defaultdict(list)
    for job in jobs:
        try:
            item = _read(job, centre, deblender)
        except ValueError as error:
            report.failed[str(job.source)] = _reason(error)
            continue
        shape = item.pixels.shape
        held[shape].append(item)
        if len(held[shape]) >= deblender.blends_at_once(*shape[:2]):
            yield held.pop(shape)
        elif sum(f.pixels.size for fields in held.values() for f in fields) > HELD_PIXELS:
            yield from held.values()
            held.clear()
    yield from held.values()


def _read(job: Job, centre: tuple[int, int] | None, deblender: Deblender) -> _Field:
    image = read_image(job.source)
    check_blends(image[None])
    pixels, inside = to_float(image), (slice(None), slice(None))
    if centre:
        pixels, inside = centre_field(pixels, centre, deblender.surroundings(pixels))
    return _Field(job, pixels, inside, image.dtype)


def _deblend_batch(batch: list[_Field], deblender: Deblender, report: Report) -> None:
    try:
        layers = deblender.deblend(np.stack([item.pixels for item in batch]))
    except Exception as error:  # backends raise kinds of their own, when memory ends for one
        if len(batch) == 1:
            report.failed[str(batch[0].job.source)] = str(error) or type(error).__name__
            return
        layers = None
    if layers is None:  # only now, when the error no longer holds the memory of the batch
        for item in batch:
            _deblend_batch([item], deblender, report)
        return
    for item, pair in zip(batch, layers, strict=True):
        images = [image[item.inside] for image in (item.pixels, *pair)]
        try:
            report.written[item.job.source] = _write(item.job, images, item.dtype)
        except (OSError, ValueError) as error:
            report.failed[str(item.job.source)] = _reason(error)


def _write(job: Job, images: list[np.ndarray], dtype: np.dtype) -> list[Path]:
    """Write panel and layers; the panel first, since it marks the layers as kdeblend's."""
    paths = job.layers(_suffix(job.source, images[0], dtype))
    outputs = [job.panel, *paths]
    foreign = [] if is_panel(job.panel) else [path for path in outputs if path.exists()]
    if foreign:
        raise FileExistsError(
            f"{foreign[0]} must not be overwritten: it is no result of kdeblend. "
            "Move it or choose another output folder"
        )
    job.folder.mkdir(parents=True, exist_ok=True)
    write_panel(job.panel, images)
    for path, image in zip(paths, images[1:], strict=True):
        write_image(path, from_float(image, dtype))
    return outputs


def _suffix(source: Path, image: np.ndarray, dtype: np.dtype) -> str:
    """Return the format for layers: PNG where it can hold them, else as the input."""
    if source.suffix.lower() == ".npy":
        return ".npy"
    return ".png" if dtype != np.float32 and image.shape[-1] in (1, 3) else ".tif"


def _reason(error: Exception) -> str:
    if isinstance(error, ImageReadError):
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}"
    return str(error)
