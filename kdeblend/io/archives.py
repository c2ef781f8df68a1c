"""Files inside folders, .zip and .tar archives, read in place.

An entry knows where its bytes lie, and each reading opens the file anew: entries can be
shared freely between threads, forked processes and pickles.
"""

import logging
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kdeblend.io.walk import files_below

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    UnicodeError,
)
_ZIP_HEADER = 30

logger = logging.getLogger("kdeblend")


@dataclass(frozen=True)
class Entry:
    """One file, on its own or inside an archive.

    Args:
        name: Path within the folder or archive that was opened.
        path: The file on the disk that holds the bytes.
        offset: Where the bytes begin.
        size: Number of bytes, or -1 for all that follow.
        deflated: Whether the bytes are compressed as in a .zip.
        held: The bytes themselves, of a member of a compressed .tar, which cannot be read
            at random.
    """

    name: str
    path: str
    offset: int = 0
    size: int = -1
    deflated: bool = False
    held: bytes | None = None

    def read(self) -> bytes:
        """Return the content of the file.

        Raises:
            OSError: If the file cannot be read, or what is read is damaged.
        """
        if self.held is not None:
            return self.held
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if 0 <= self.size != len(content):
            raise OSError(f"{self.path} ends before {self.name} does")
        try:
            return zlib.decompress(content, -zlib.MAX_WBITS) if self.deflated else content
        except zlib.error as error:
            raise OSError(f"{self.name} in {self.path} is damaged: {error}") from error


def is_archive(path: str) -> bool:
    """Tell by its name whether a file is an archive that `list_entries` reads."""
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def list_entries(path: str) -> list[Entry]:
    """List the files of an archive, or of a folder tree and the archives in it.

    Args:
        path: A folder, or a .zip or .tar archive (also compressed; then its files are held
            in memory as they are, since they cannot be read at random).

    Returns:
        The regular files, not hidden, sorted by name.

    Raises:
        OSError: If the folder cannot be read or the archive is damaged.
    """
    entries = _folder_entries(path) if os.path.isdir(path) else _archive_entries(path)
    return sorted(entries, key=lambda entry: (entry.name, entry.path))


def _folder_entries(path: str) -> Iterator[Entry]:
    for file in files_below(path):
        if not os.path.isfile(file):  # which raises for no link, unlike `Path.is_file`
            continue
        if is_archive(file.name):
            try:
                yield from _archive_entries(str(file))
            except OSError as error:
                logger.warning("left out %s: %s", file, error)
        else:
            yield Entry(file.relative_to(path).as_posix(), str(file))


def _archive_entries(path: str) -> Iterator[Entry]:
    read = _zip_entries if path.lower().endswith(".zip") else _tar_entries
    try:
        entries = [entry for entry in read(path) if not _hidden(entry.name)]
    except _DAMAGED as error:
        raise OSError(f"{path} must be an archive. Received: {error}") from error
    yield from entries


def _tar_entries(path: str) -> Iterator[Entry]:
    plain = path.lower().endswith(".tar")
    with tarfile.open(path, "r:" if plain else "r:*") as archive:
        for member in archive:
            if member.isfile() and plain:
                yield Entry(member.name, path, member.offset_data, member.size)
            elif member.isfile() and (file := archive.extractfile(member)) is not None:
                yield Entry(member.name, path, held=file.read())


def _zip_entries(path: str) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for member in archive.infolist():
            if member.is_dir():
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise OSError(f"{path} must be stored or deflated. Received: {member!r}")
            if member.flag_bits & 1:
                raise OSError(f"{path} must not be encrypted. Received: {member!r}")
            file.seek(member.header_offset)
            header = file.read(_ZIP_HEADER)
            names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
            yield Entry(
                member.filename,
                path,
                member.header_offset + _ZIP_HEADER + names,
                member.compress_size,
                member.compress_type == zipfile.ZIP_DEFLATED,
            )


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)
