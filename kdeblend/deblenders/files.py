"""Deblending image files: read, deblend in batches, write; one bad file stops nothing."""

import hashlib
import io
import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kdeblend.deblenders.centres import Centre, Centres, CentreTable, SameCentre
from kdeblend.deblenders.centring import Field, centre_field, cut_out
from kdeblend.deblenders.deblender import MIN_SIDE, Deblender, check_blends
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
        written: Panel, central galaxy and other galaxy by job.
        failed: Reason by what could not be deblended, a job or a path that stands for no image.
        done: Jobs left out, because their layers are there already.
        skipped: Files left out, because an earlier run has written them.
        fits: FITS files left out, which are not read.
        reached_in_part: Jobs of which the deblender has seen less than is written.
        unused: Files of the table of centres that no input goes by.
    """

    written: dict[Job, list[Path]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    done: list[Job] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    fits: list[Path] = field(default_factory=list)
    reached_in_part: list[Job] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    @property
    def ended(self) -> int:
        """How many inputs are over and done with."""
        return len(self.written) + len(self.failed) + len(self.done)


class _File:
    """An image file, read once for all of its galaxies, and when it is needed."""

    def __init__(self, path: Path):
        self.path = path

    @cached_property
    def content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ImageReadError(str(self.path), in_words(error, name_file=False)) from error

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def image(self) -> np.ndarray:
        image = read_image(io.BytesIO(self.content), str(self.path))
        check_blends(image[None])
        return image


@dataclass
class _Item:
    """A galaxy on its way: the field to deblend, what to write and where."""

    job: Job
    record: Record
    field: Field
    dtype: np.dtype
    layers: list[Path]


_Writing = tuple[_Item, Future[list[Path]]]


def deblend_files(
    paths: Iterable[str | os.PathLike],
    deblender: Deblender,
    out: str | os.PathLike | None = None,
    centre: Centre | Centres | None = None,
    progress: Callable[[int, int], Any] | None = None,
    resume: bool = False,
    size: int | None = None,
) -> Report:
    """Deblend image files and write the layers with the bit depth of their input.

    `x.png` gives `x_1.png` (the central galaxy), `x_2.png` (the other one) and
    `x_panel.png` (all three side by side); `x.npy` gives `x_1.npy` and
    `x_2.npy`; a float TIFF gives TIFF. Of several galaxies of an image, the one called `g` gives
    `x_g_1.png` and so on. Layers of an earlier run on the same image are
    replaced, no other file ever is.

    Args:
        paths: Files, folders and globs; see `Inputs.collect`.
        deblender: What separates the galaxies.
        out: Folder to write to, made if it is not there; by default the folder
            of each input.
        centre: Column and row `(x, y)`, from 0, of the galaxy to take as the
            central one, of all images or by file and name as `read_centres` gives them; by
            default the middle of the image.
        progress: Called after some jobs with their number, failed ones and those left out
            included, and that of all jobs.
        resume: Leave out what has layers already, made by an equal deblender.
        size: Side in pixels of the square around the central galaxy that is written, black
            beyond the edges of the image; by default the whole image is.

    Returns:
        What was written, and what was not and why.

    Raises:
        OSError: If the folder cannot be made.
        ValueError: If `size` is below 8.
    """
    if size is not None and size < MIN_SIDE:
        raise ValueError(f"`size` must be at least {MIN_SIDE} pixels. Received: size={size}")
    inputs = Inputs.collect(paths)
    centres = CentreTable(centre) if isinstance(centre, Mapping) else SameCentre(centre)
    jobs = plan(inputs, out, centres.galaxies)
    report = Report(
        failed=dict(inputs.missing),
        skipped=inputs.outputs,
        fits=inputs.fits,
        unused=centres.unused(inputs.files),
    )
    if out is not None:
        Path(out).mkdir(parents=True, exist_ok=True)
    _Run(jobs, deblender, centres, size, resume, report, progress).deblend()
    return report


@dataclass
class _Run:
    """The jobs of one call of `deblend_files`, and the way of each from file to layers."""

    jobs: list[Job]
    deblender: Deblender
    centres: CentreTable | SameCentre
    size: int | None
    resume: bool
    report: Report
    progress: Callable[[int, int], Any] | None

    def __post_init__(self):
        self.told = self.report.ended

    def deblend(self) -> None:
        """Write the layers of a batch while the next one is deblended."""
        with ThreadPoolExecutor(WRITERS) as pool:
            writing: list[_Writing] = []
            batches = _batches(self._items(), self.deblender)
            for batch in itertools.chain(batches, [[]]):  # [] to end the last one
                deblended = list(self._deblend_batch(batch))
                self._end(writing)
                writing = [(item, pool.submit(_write, item, images)) for item, images in deblended]
                self._tell()

    def _tell(self) -> None:
        if self.progress and self.report.ended > self.told:
            self.progress(self.report.ended - self.told, len(self.jobs))
            self.told = self.report.ended

    def _items(self) -> Iterator[_Item]:
        """Read the images that are to be deblended, and tell of the others as they come."""
        settings = settings_record(self.deblender)
        for source, jobs in itertools.groupby(self.jobs, key=lambda job: job.source):
            file = _File(source)
            for job in jobs:
                try:
                    centre = self.centres.find(source, job.galaxy)
                    record = image_record(settings, source, file.sha256, centre, self.size)
                    if self.resume and is_done(job, record):
                        self.report.done.append(job)
                    else:
                        yield self._item(job, record, file.image, centre)
                except ImageReadError as error:  # nor would it be read for the others
                    self.report.failed |= {str(each): error.reason for each in (job, *jobs)}
                except (OSError, ValueError, MemoryError) as error:
                    self.report.failed[str(job)] = _reason(error)
                self._tell()

    def _item(self, job: Job, record: Record, image: np.ndarray, centre: Centre | None) -> _Item:
        layers = job.layers(_suffix(job.source, image))
        check_free(job, [job.panel, *layers], record)
        seen = _field(image, centre, self.size, self.deblender)
        if self.deblender.reach and not seen.is_within(self.deblender.reach):
            self.report.reached_in_part.append(job)
        return _Item(job, record, seen, image.dtype, layers)

    def _deblend_batch(self, batch: list[_Item]) -> Iterator[tuple[_Item, list[np.ndarray]]]:
        """Yield each image with the three to write: itself, central galaxy, other galaxy."""
        if not batch:
            return
        try:
            layers = self.deblender.deblend(np.stack([item.field.pixels for item in batch]))
        except Exception as error:  # backends raise kinds of their own, when memory ends for one
            if len(batch) == 1:
                self.report.failed[str(batch[0].job)] = _reason(error)
                return
            layers = None
        if layers is None:  # only now, when the error no longer holds the memory of the batch
            for item in batch:
                yield from self._deblend_batch([item])
            return
        for item, pair in zip(batch, layers, strict=True):
            yield item, [item.field.wanted(image) for image in (item.field.pixels, *pair)]

    def _end(self, writing: list[_Writing]) -> None:
        """Wait for what is being written, and report it."""
        for item, paths in writing:
            try:
                self.report.written[item.job] = paths.result()
            except Exception as error:  # nor does a panel for which memory ends stop the others
                self.report.failed[str(item.job)] = _reason(error)


def _field(
    image: np.ndarray, centre: Centre | None, size: int | None, deblender: Deblender
) -> Field:
    if size is not None:
        seen = deblender.reach + 1 if deblender.reach else size  # by one more it knows of a beyond
        return cut_out(image, centre, size, seen, deblender.surroundings)
    pixels = to_float(image)
    if centre is None:
        return Field(pixels)
    return centre_field(pixels, centre, deblender.surroundings(pixels))


def _batches(items: Iterable[_Item], deblender: Deblender) -> Iterator[list[_Item]]:
    """Put images into groups of one shape, holding few at a time."""
    held: defaultdict[tuple[int, ...], list[_Item]] = defaultdict(list)
    for item in items:
        shape = item.field.pixels.shape
        held[shape].append(item)
        if len(held[shape]) >= deblender.blends_at_once(*shape[:2]):
            yield held.pop(shape)
        elif sum(each.field.pixels.size for group in held.values() for each in group) > HELD_PIXELS:
            yield from held.values()
            held.clear()
    yield from held.values()


def _write(item: _Item, images: list[np.ndarray]) -> list[Path]:
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
