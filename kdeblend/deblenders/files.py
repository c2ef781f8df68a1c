"""Deblending image files: read, deblend in batches, write; one bad file stops nothing."""

import io
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.deblenders.centres import Centre, Centres, find_centre
from kdeblend.deblenders.centring import centre_field
from kdeblend.deblenders.deblender import Deblender, check_blends
from kdeblend.deblenders.inputs import Inputs, Job, plan
from kdeblend.deblenders.panel import write_panel
from kdeblend.deblenders.records import Record, check_free, image_record, is_done, settings_record
from kdeblend.io.errors import in_words
from kdeblend.io.images import ImageReadError, from_float, read_image, to_float, write_image

HELD_PIXELS = 2**24
WRITERS = 4  # threads that write layers while the next batch is deblended


@dataclass
class Report:
    """What became of the files.

    Attributes:
        written: Panel, central galaxy and other galaxy by input.
        failed: Reason by input that could not be deblended.
        done: Inputs left out, because their layers are there already.
        skipped: Files left out, because an earlier run has written them.
        fits: FITS files left out, which are not read.
        reached_in_part: Inputs of which the deblender has seen the middle only.
    """

    written: dict[Path, list[Path]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    done: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    fits: list[Path] = field(default_factory=list)
    reached_in_part: list[Path] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """How many inputs are over and done with."""
        return len(self.written) + len(self.failed) + len(self.done)


@dataclass
class _Field:
    """An image on its way: the field to deblend, where the image is on it, what to write."""

    job: Job
    record: Record
    pixels: np.ndarray
    inside: tuple[slice, slice]
    dtype: np.dtype
    layers: list[Path]


_Writing = tuple[_Field, Future[list[Path]]]


def deblend_files(
    paths: Iterable[str | os.PathLike],
    deblender: Deblender,
    out: str | os.PathLike | None = None,
    centre: Centre | Centres | None = None,
    progress: Callable[[int, int], Any] | None = None,
    resume: bool = False,
) -> Report:
    """Deblend image files and write the layers with the bit depth of their input.

    `x.png` gives `x_1.png` (the central galaxy), `x_2.png` (the other one) and
    `x_panel.png` (all three side by side); `x.npy` gives `x_1.npy` and
    `x_2.npy`; a float TIFF gives TIFF. Layers of an earlier run on the same image are
    replaced, no other file ever is.

    Args:
        paths: Files, folders and globs; see `Inputs.collect`.
        deblender: What separates the galaxies.
        out: Folder to write to, made if it is not there; by default the folder
            of each input.
        centre: Column and row `(x, y)`, from 0, of the galaxy to take as the
            central one, of all images or by file as `read_centres` gives them; by default
            the middle of the image.
        progress: Called after some files with their number, failed ones and those left out
            included, and that of all files.
        resume: Leave out images whose layers are there, made by an equal deblender.

    Returns:
        What was written, and what was not and why.

    Raises:
        OSError: If the folder cannot be made.
    """
    inputs = Inputs.collect(paths)
    report = Report(failed=dict(inputs.missing), skipped=inputs.outputs, fits=inputs.fits)
    jobs = plan(inputs, out)
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
    told = report.ended
    fields = _fields(jobs, deblender, centre, resume, report)
    with ThreadPoolExecutor(WRITERS) as pool:
        writing: list[_Writing] = []
        for batch in itertools.chain(_batches(fields, deblender), [[]]):  # [] to end the last one
            deblended = list(_deblend_batch(batch, deblender, report))
            _end_writing(writing, report)
            writing = [(item, pool.submit(_write, item, images)) for item, images in deblended]
            if progress and report.ended > told:
                progress(report.ended - told, len(jobs))
                told = report.ended
    return report


def _fields(jobs, deblender, centre, resume: bool, report: Report) -> Iterator[_Field]:
    """Read the images that are to be deblended."""
    settings = settings_record(deblender)
    for job in jobs:
        try:
            content = _content(job.source)
            place = find_centre(centre, job.source) if isinstance(centre, Mapping) else centre
            record = image_record(settings, job.source, content, place)
            if resume and is_done(job, record):
                report.done.append(job.source)
            else:
                yield _read(job, content, record, place, deblender, report)
        except (OSError, ValueError, MemoryError) as error:
            report.failed[str(job.source)] = _reason(error)


def _content(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise ImageReadError(str(source), in_words(error, name_file=False)) from error


def _read(
    job, content: bytes, record, centre: Centre | None, deblender: Deblender, report: Report
) -> _Field:
    image = read_image(io.BytesIO(content), str(job.source))
    check_blends(image[None])
    layers = job.layers(_suffix(job.source, image))
    check_free(job, [job.panel, *layers], record)
    if deblender.reach and max(image.shape[:2]) > deblender.reach:
        report.reached_in_part.append(job.source)
    pixels, inside = to_float(image), (slice(None), slice(None))
    if centre:
        pixels, inside = centre_field(pixels, centre, deblender.surroundings(pixels))
    return _Field(job, record, pixels, inside, image.dtype, layers)


def _batches(fields: Iterable[_Field], deblender: Deblender) -> Iterator[list[_Field]]:
    """Put images into groups of one shape, holding few at a time."""
    held: defaultdict[tuple[int, ...], list[_Field]] = defaultdict(list)
    for item in fields:
        shape = item.pixels.shape
        held[shape].append(item)
        if len(held[shape]) >= deblender.blends_at_once(*shape[:2]):
            yield held.pop(shape)
        elif sum(f.pixels.size for group in held.values() for f in group) > HELD_PIXELS:
            yield from held.values()
            held.clear()
    yield from held.values()


def _deblend_batch(
    batch: list[_Field], deblender: Deblender, report: Report
) -> Iterator[tuple[_Field, list[np.ndarray]]]:
    """Yield each image with the three images to write: itself, central galaxy, other galaxy."""
    if not batch:
        return
    try:
        layers = deblender.deblend(np.stack([item.pixels for item in batch]))
    except Exception as error:  # backends raise kinds of their own, when memory ends for one
        if len(batch) == 1:
            report.failed[str(batch[0].job.source)] = str(error) or type(error).__name__
            return
        layers = None
    if layers is None:  # only now, when the error no longer holds the memory of the batch
        for item in batch:
            yield from _deblend_batch([item], deblender, report)
        return
    for item, pair in zip(batch, layers, strict=True):
        yield item, [image[item.inside] for image in (item.pixels, *pair)]


def _end_writing(writing: list[_Writing], report: Report) -> None:
    """Wait for what is being written, and report it."""
    for item, paths in writing:
        try:
            report.written[item.job.source] = paths.result()
        except (OSError, ValueError) as error:
            report.failed[str(item.job.source)] = _reason(error)


def _write(item: _Field, images: list[np.ndarray]) -> list[Path]:
    """Write panel and layers; the panel first, since it marks the layers as kdeblend's."""
    item.job.folder.mkdir(parents=True, exist_ok=True)
    write_panel(item.job.panel, images, item.record)
    for path, image in zip(item.layers, images[1:], strict=True):
        write_image(path, from_float(image, item.dtype))
    return [item.job.panel, *item.layers]


def _suffix(source: Path, image: np.ndarray) -> str:
    """Return the format for layers: PNG where it can hold them, else as the input."""
    if source.suffix.lower() == ".npy":
        return ".npy"
    return ".png" if image.dtype != np.float32 and image.shape[-1] in (1, 3) else ".tif"


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, ImageReadError) else in_words(error)
