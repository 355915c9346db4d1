"""Zip archives from strangers: what ``.keras`` files are.

Nothing is unpacked to a place that the archive names. Names, sizes and the directory are checked before anything is
read, and what is read is checked against its CRC.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nnspec.errors import FileError

MEMBERS = 10_000
DIRECTORY_BYTES = 4 << 20
# Deflate makes at most 1/1032 of what it is given. Keras stores; compressed again, weights become 0.9, configs 0.05.
EXPANSION = 100
SMALL = 1 << 20
_CHUNK = 1 << 20

_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, RuntimeError, UnicodeError, OSError,
    ValueError, OverflowError,
)  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """An archive whose directory was checked.

    Raises:
        FileError: damaged, or hostile.
    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except _ERRORS as error:
        raise damaged(path, error) from error
    with archive:
        _check(path, archive)
        yield archive


def damaged(path: Path, error: Exception) -> FileError:
    """The error for a file that cannot be read to its end."""
    return FileError(f"{path}: damaged: {error}; get the file again")


def read(path: Path, archive: zipfile.ZipFile, member: str, limit: int) -> bytes:
    """A small member as a whole.

    Raises:
        FileError: missing, larger than the limit, or damaged.
    """
    info = _info(path, archive, member)
    if info.file_size > limit:
        raise FileError(f"{path}: {member} says that it has {info.file_size} bytes; {limit} are allowed")
    try:
        with archive.open(info) as file:
            data = file.read(limit + 1)
    except _ERRORS as error:
        raise damaged(path, error) from error
    if len(data) != info.file_size:
        raise FileError(f"{path}: {member} has another size than the archive's directory says")
    return data


def limited(path: Path, limit: int) -> bytes:
    """A small file as a whole.

    Raises:
        FileError: it is larger than the limit, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > limit:
        raise FileError(f"{path}: larger than {limit} bytes, which no index of weights is")
    return data


def extract(path: Path, archive: zipfile.ZipFile, member: str, target: BinaryIO) -> None:
    """Write a member to an open file.

    Raises:
        FileError: missing or damaged.
    """
    info = _info(path, archive, member)
    try:
        with archive.open(info) as file:
            left = info.file_size
            while chunk := file.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                target.write(chunk)
    except _ERRORS as error:
        raise damaged(path, error) from error
    if left:
        raise FileError(f"{path}: {member} has another size than the archive's directory says")
    target.flush()


def _info(path: Path, archive: zipfile.ZipFile, member: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(member)
    except KeyError:
        raise FileError(f"{path}: {member} is missing; get the file again, or write it with model.save()") from None


def _check_directory(path: Path) -> None:
    """Python makes an object of each entry before any can be counted, so the directory's size comes first."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - (1 << 16) - 22 - 76))
            tail = file.read()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise FileError(f"{path}: damaged: the end of the zip archive is missing; get the file again")
    directory = struct.unpack_from("<I", tail, at + 12)[0]
    large = at - 76  # of an archive beyond 4 GB, the record and its locator come before
    if large >= 0 and tail[at - 20 : at - 16] == b"PK\x06\x07" and tail[large : large + 4] == b"PK\x06\x06":
        directory = max(struct.unpack_from("<Q", tail, large + 40)[0], 0 if directory == 0xFFFFFFFF else directory)
    if directory > DIRECTORY_BYTES:
        raise FileError(
            f"{path}: the zip archive's directory has {directory} bytes: no Keras model has that many files"
        )


def _check(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    if len(infos) > MEMBERS:
        raise FileError(f"{path}: {len(infos)} files in the archive: no Keras model has that many")
    names: set[str] = set()
    stored = 0
    for info in infos:
        name = info.filename
        if info.orig_filename != name or not _within(name):
            raise FileError(f"{path}: the archive names a file outside of itself: {name!r}")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise FileError(f"{path}: the archive holds a symbolic link: {name!r}")
        if name in names:
            raise FileError(f"{path}: the archive holds {name!r} twice")
        names.add(name)
        if info.flag_bits & 0x1:
            raise FileError(f"{path}: {name!r} is encrypted: unpack the archive and write it without a password")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FileError(f"{path}: {name!r} is compressed by method {info.compress_type}: Keras stores or deflates")
        if info.file_size > SMALL + EXPANSION * info.compress_size:
            raise FileError(
                f"{path}: {name!r} claims {info.file_size} bytes of the {info.compress_size} that it takes: a "
                f"decompression bomb"
            )
        stored += info.compress_size
    if stored > path.stat().st_size:
        raise FileError(f"{path}: damaged: the archive's files take more bytes than it has")


def _within(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not (name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name)
