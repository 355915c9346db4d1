"""What a file is that calls itself a Keras model, told by its first bytes: for errors that say what can be done."""

from __future__ import annotations

import re
from pathlib import Path

from nnspec.errors import FileError

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"

_CODE = "it can execute anything when it is loaded, so it is never opened here"
_RESAVE = "load it where it comes from, if you trust it, and write it with model.save('model.keras')"
_KINDS = (
    (re.compile(rb"\x80[\x02-\x05]"), "a Python pickle (or joblib, or PyTorch) file", f"{_CODE}: {_RESAVE}"),
    (re.compile(rb"c[\w.]+\n[\w.]+\n|\((?:lp|dp|i|c)\w*"), "a Python pickle of protocol 0", f"{_CODE}: {_RESAVE}"),
    (re.compile(rb"....TFL3", re.DOTALL), "a TFLite file", "port the model that it was converted from"),
    (re.compile(rb"\x08\x01\x12"), "a SavedModel's graph", "give the directory it lies in"),
    (re.compile(rb"\x08[\x02-\x10][\x12\x3a]"), "an ONNX file", "port the model that it was exported from"),
    (re.compile(rb"\x93NUMPY"), "a NumPy array", "give the model; an array alone is none"),
    (re.compile(rb".{7}\x00\{", re.DOTALL), "a safetensors file", "it holds weights without a model: give the model"),
    (
        re.compile(rb"\x04\x22\x4d\x18"),
        "compressed by LZ4, as joblib does",
        f"what is in it, often a pickle: {_RESAVE}",
    ),
    (re.compile(rb"\x1f\x8b"), "compressed by gzip", "unpack it first"),
    (re.compile(rb"BZh"), "compressed by bzip2", "unpack it first"),
    (re.compile(rb"\xfd7zXZ"), "compressed by xz", "unpack it first"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "compressed by zstd", "unpack it first"),
    (
        re.compile(rb"\x78[\x01\x5e\x9c\xda]"),
        "compressed by zlib, as joblib does",
        f"it is probably a pickle: {_RESAVE}",
    ),
    (re.compile(rb"version https://git-lfs"), "a pointer of Git LFS", "fetch the file itself with `git lfs pull`"),
    (re.compile(rb"\s*<(?:!doctype|html)", re.IGNORECASE), "a web page", "the download went wrong: get the file again"),
    (re.compile(rb'\s*[{\[]\s*["{]'), "JSON", "a config without weights: give the file that model.save() writes"),
    (re.compile(rb"\x7fELF|#!"), "a program", "give the file that model.save() writes"),
)


def head(path: Path, size: int = 64) -> bytes:
    """The first bytes of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error


def stranger(place: str, first: bytes) -> FileError:
    """The error for a file that is neither an HDF5 file nor a zip archive, by its first bytes."""
    wanted = "no Keras model: .keras files are zip archives, .h5 files HDF5"
    if not first:
        return FileError(f"{place}: empty")
    for pattern, what, remedy in _KINDS:
        if pattern.match(first):
            return FileError(f"{place}: {what}, {wanted}; {remedy}")
    return FileError(f"{place}: {wanted}, and it is neither; was it damaged, or is it something else?")


def other_archive(path: Path, members: list[str]) -> FileError:
    """The error for a zip archive that holds no Keras model."""
    if any(name.endswith(("data.pkl", ".pkl", ".pickle")) for name in members):
        return FileError(f"{path}: a PyTorch checkpoint, no Keras model; {_CODE}: port the module itself")
    if members and all(name.endswith(".npy") for name in members):
        return FileError(f"{path}: NumPy arrays (.npz), no Keras model: give the file that model.save() writes")
    return FileError(
        f"{path}: a zip archive, but no Keras model: config.json is missing; give the file that model.save() writes"
    )
