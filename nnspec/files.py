"""Writing files so that they appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from io import FileIO
from pathlib import Path

from nnspec.errors import FileError

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "its directory does not exist",
    errno.ENOTDIR: "a part of its path is a file, not a directory",
    errno.EISDIR: "it is a directory",
    errno.ENAMETOOLONG: "its name is too long",
}


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Write a file whole: beside it first, to the disk, then under its name, which shows the old content until then.

    Raises:
        FileError: what is in the way; the old file is untouched then, and nothing half-written is left.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}.part")
    data = content.encode() if isinstance(content, str) else content
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
        _sync_directory(target.parent)
    except OSError as error:
        raise unwritable(target, error) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Append one line to a file in a single write, so that a reader never sees the half of it.

    A file that a crash left without its last newline is cut back to its last whole line first.

    Raises:
        FileError: what is in the way; the file is then as it was.
    """
    target = Path(path)
    try:
        with open(target, "ab+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            whole = _whole_lines(file, end)
            if whole < end:
                file.truncate(whole)
            data = line.rstrip("\n").encode() + b"\n"
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, "")
                os.fsync(file.fileno())
            except OSError:
                with contextlib.suppress(OSError):  # a device cannot be cut
                    file.truncate(whole)
                raise
    except OSError as error:
        raise unwritable(target, error) from None


def make_directory(path: str | os.PathLike[str]) -> None:
    """Make a directory and those above it; one that exists is kept.

    Raises:
        FileError: what is in the way.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        raise FileError(f"cannot make the directory {os.fspath(path)}: there is a file of that name") from None
    except OSError as error:
        raise FileError(f"cannot make the directory {os.fspath(path)}: {reason(error)}") from None


def unwritable(path: str | os.PathLike[str], error: OSError) -> FileError:
    """The error for a file that cannot be written."""
    return FileError(f"cannot write {os.fspath(path)}: {reason(error)}")


def reason(error: OSError) -> str:
    """What the system refused, in words."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


def _whole_lines(file: FileIO, end: int) -> int:
    """The length of a file of ``end`` bytes up to and with its last newline."""
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        found = (file.read(end - start) or b"").rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _sync_directory(path: Path) -> None:
    """Make a rename last through a loss of power, where directories can be opened for that (not on Windows)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
