"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from nnspec import files
from nnspec.errors import FileError


def test_writes_bytes_and_text(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "a", b"\x00\xff")
    files.write_atomically(tmp_path / "b", "naïve ≤\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "naïve ≤\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_replaces_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    files.write_atomically(path, "new")
    assert path.read_text() == "new"


def test_name_of_the_greatest_length(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / ("x" * 255), "whole")
    assert (tmp_path / ("x" * 255)).read_text() == "whole"


def _fails(code: int) -> Any:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EIO, os.strerror(errno.EIO))],
)
def test_failure_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, message: str
) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    monkeypatch.setattr(os, step, _fails(code))
    with pytest.raises(FileError, match=message) as caught:
        files.write_atomically(path, "new")
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_refuses_a_directory_and_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="it is a directory"):
        files.write_atomically(tmp_path, "x")
    with pytest.raises(FileError, match="a part of its path is a file"):
        files.write_atomically(tmp_path / "file" / "below", "x")
    with pytest.raises(FileError, match="its directory does not exist"):
        files.write_atomically(tmp_path / "missing" / "below", "x")
    assert os.listdir(tmp_path) == ["file"]


def test_appends_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    files.append_line(path, "one")
    files.append_line(path, "two\n")
    assert path.read_text() == "one\ntwo\n"


@pytest.mark.parametrize("whole", ["", "one\n", "x" * 200_000 + "\n"])
def test_append_cuts_the_half_line_a_crash_left(tmp_path: Path, whole: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(whole + "y" * 100_000)
    files.append_line(path, "two")
    assert path.read_text() == whole + "two\n"


def test_failed_append_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("one\n")
    monkeypatch.setattr(os, "fsync", _fails(errno.ENOSPC))
    with pytest.raises(FileError, match="the disk is full"):
        files.append_line(path, "two")
    assert path.read_text() == "one\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is Linux's")
def test_append_to_a_full_device() -> None:
    with pytest.raises(FileError, match="/dev/full: the disk is full"):
        files.append_line("/dev/full", "line")


def test_make_directory(tmp_path: Path) -> None:
    files.make_directory(tmp_path / "a" / "b")
    files.make_directory(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="there is a file of that name"):
        files.make_directory(tmp_path / "file")
    with pytest.raises(FileError, match="a part of its path is a file"):
        files.make_directory(tmp_path / "file" / "below")
