"""Reads records. Nothing in them is executed, and no file outside their directory is opened."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from nnspec.errors import FileError
from nnspec.files import reason
from nnspec.variables import loads as load_tensors
from nnspec_conformance.draws import Array
from nnspec_conformance.record import format as form

MAX_MANIFEST = 50_000_000


@dataclass(frozen=True)
class Record:
    """A record whose files are as its manifest says.

    Attributes:
        directory: where it stands.
    """

    directory: Path
    manifest: form.Manifest

    def page(self, listed: form.Listed) -> form.Page:
        """The cases of a family in a dtype.

        Raises:
            FileError: the file is not what the manifest says, or not as the format says.
        """
        where = self.path(listed.questions)
        page: form.Page = form.loads(form.Page, self.content(listed.questions), where)
        if (page.family, page.dtype) != (listed.family, listed.dtype):
            raise FileError(f"{where} is about {page.family} in {page.dtype}, not {listed.family} in {listed.dtype}")
        answers = sum(len(entry.answers) for entry in page.cases)
        if [entry.case for entry in page.cases] != listed.cases or answers != listed.answers:
            raise FileError(f"{where} holds other cases than {form.MANIFEST} says")
        return page

    def tensors(self, listed: form.Listed) -> dict[str, Array]:
        """The tensors of a family in a dtype.

        Raises:
            FileError: the file is not what the manifest says, or no file of tensors.
        """
        return load_tensors(self.content(listed.tensors), self.path(listed.tensors))[0]

    def path(self, name: str) -> str:
        """Where a file stands, for messages."""
        return os.fspath(self.directory / name)

    def content(self, name: str) -> bytes:
        """A file of the record, compared with its length and hash in the manifest."""
        path, expected = self.directory / name, self.manifest.files[name]
        data = _read(path, expected.bytes)
        if len(data) != expected.bytes:
            found = f"at least {len(data)}" if len(data) > expected.bytes else f"{len(data)}"
            raise FileError(f"{path} has {found} bytes, and the manifest says {expected.bytes}: it was cut or changed")
        if hashlib.sha256(data).hexdigest() != expected.sha256:
            raise FileError(f"{path} is not the file that was recorded: its SHA-256 is not the manifest's")
        return data


def read(directory: Path) -> Record:
    """A record, after every file was compared with the manifest.

    Raises:
        FileError: no record, an unfinished one, of a newer format, or with a file that is missing, damaged or not its
            own; one line.
    """
    path = directory / form.MANIFEST
    if not directory.is_dir():
        raise FileError(f"there is no directory {directory}")
    if not path.exists():
        if (directory / form.UNFINISHED).exists():
            raise FileError(f"the recording in {directory} was interrupted before its end: record again")
        raise FileError(f"{directory} holds no record: there is no {form.MANIFEST}")
    content = _read(path, MAX_MANIFEST)
    if len(content) > MAX_MANIFEST:
        raise FileError(f"{path} is larger than {MAX_MANIFEST // 1_000_000} MB: that is no manifest")
    manifest: form.Manifest = form.loads(form.Manifest, content, os.fspath(path))
    record = Record(directory, manifest)
    for listed in manifest.families:
        for name in (listed.questions, listed.tensors):
            if name not in manifest.files:
                raise FileError(f"{path}: {name} stands in no list of files with a SHA-256")
    for name in manifest.files:
        record.content(name)
    return record


def _read(path: Path, expected: int) -> bytes:
    """The first bytes of a plain file inside its directory, one more than expected at most."""
    try:
        if path.is_symlink():
            raise FileError(f"{path} is a link: the files of a record are plain files")
        if not path.is_file():
            raise FileError(f"there is no file {path}")
        with open(path, "rb") as file:
            return file.read(expected + 1)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path} cannot be read: {reason(error)}") from None
