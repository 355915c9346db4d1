"""HDF5 files from strangers: what ``.h5`` files are, and the weights within a ``.keras`` file.

All of a file is walked before any of it is read: what could lead out of it, or make a small file large, is refused.
HDF5 has no checksums, so that a flipped bit within a weight is another weight; the structure is what can be checked.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import ml_dtypes
import numpy as np

from nnspec.backends import Array
from nnspec.errors import FileError

OBJECTS = 300_000
DEPTH = 64
# Of what a file takes, so much may come, and a bit for arrays of zeros, which compress to nothing.
EXPANSION = 100
SMALL = 16 << 20
TEXT_BYTES = 64 << 20

_HEAP = b"GCOL\x01\0\0\0"
# gzip, shuffle, Fletcher32, szip, n-bit, scale-offset, LZF: the ones that are built in; others are plugins.
_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
# h5py and the library beneath raise about anything on damaged files.
_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, UnicodeError, OverflowError, MemoryError)


@contextmanager
def opened(path: Path, place: str | None = None) -> Iterator[h5py.File]:
    """An HDF5 file all of which was checked.

    Args:
        path: where it lies.
        place: what to call it in errors.

    Raises:
        FileError: damaged, or hostile.
    """
    name = place or str(path)
    try:
        file = h5py.File(path, "r")
    except _ERRORS as error:
        raise FileError(f"{name}: damaged: {_line(error)}; get the file again") from error
    with file:
        try:
            _check(name, file, path.stat().st_size)
        except FileError:
            raise
        except _ERRORS as error:
            raise FileError(f"{name}: damaged: {_line(error)}; get the file again") from error
        yield file


def text(place: str, item: h5py.Group, name: str) -> str | None:
    """An attribute that is a text, or None where there is none.

    Raises:
        FileError: it is something else, or too long.
    """
    try:
        if name not in item.attrs:
            return None
        _check_attribute(place, item, name, single=True)
        value = item.attrs[name]
        value = value.item() if isinstance(value, np.ndarray) else value
        if isinstance(value, bytes):
            return value.decode("utf-8")
    except FileError:
        raise
    except _ERRORS as error:
        raise FileError(f"{place}: damaged: attribute {name} cannot be read: {_line(error)}") from error
    if not isinstance(value, str):
        raise FileError(f"{place}: attribute {name} should be a text")
    return value


def names(place: str, item: h5py.Group, name: str) -> list[str]:
    """An attribute that is a list of names; Keras divides long ones into ``name0``, ``name1``, …

    Raises:
        FileError: missing, or something else.
    """
    try:
        keys = [name] if name in item.attrs else []
        while name not in item.attrs and f"{name}{len(keys)}" in item.attrs:
            keys.append(f"{name}{len(keys)}")
        if not keys:
            raise FileError(f"{place}: {item.name} has no {name}: this is not how Keras writes weights")
        found: list[str] = []
        for key in keys:
            _check_attribute(place, item, key)
            values = np.asarray(item.attrs[key]).reshape(-1)
            found += [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in values.tolist()]
        return found
    except FileError:
        raise
    except _ERRORS as error:
        raise FileError(f"{place}: damaged: attribute {name} cannot be read: {_line(error)}") from error


def child(place: str, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """A group or an array below a group.

    Raises:
        FileError: missing.
    """
    try:
        return group[name]
    except _ERRORS:
        raise FileError(f"{place}: {group.name} should hold {name!r}; the file is damaged or incomplete") from None


def array(place: str, dataset: Any) -> Array:
    """The values of an array.

    Raises:
        FileError: a group, or damaged.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise FileError(f"{place}: {dataset.name} should be an array")
    try:
        value = np.asarray(dataset[()])
        return value.view(ml_dtypes.bfloat16) if value.dtype.kind == "V" else value
    except _ERRORS as error:
        raise FileError(f"{place}: damaged: {dataset.name} cannot be read: {_line(error)}") from error


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__


def _check(place: str, file: h5py.File, size: int) -> None:
    """Walk everything; a group that is met twice would make a cycle."""
    met: set[int] = set()
    stack: list[tuple[h5py.Group, int]] = [(file["/"], 0)]
    claimed = stored = 0
    while stack:
        group, depth = stack.pop()
        if depth > DEPTH:
            raise FileError(f"{place}: groups within groups, more than {DEPTH} deep: no Keras model")
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise FileError(f"{place}: {where} is a link ({type(link).__name__}), which Keras never writes")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in met or len(met) > OBJECTS:
                raise FileError(f"{place}: {where} is linked twice or one of too many: no Keras model")
            met.add(address)
            if isinstance(item, h5py.Group):
                stack.append((item, depth + 1))
                continue
            if not isinstance(item, h5py.Dataset):
                raise FileError(f"{place}: {where} is neither a group nor an array")
            claims, takes = _check_dataset(place, where, item)
            claimed, stored = claimed + claims, stored + takes
            if stored > size or claimed > SMALL + EXPANSION * size:
                raise FileError(
                    f"{place}: {where} of shape {item.shape} claims more than this file of {size} bytes can hold"
                )


def _check_dataset(place: str, where: str, dataset: h5py.Dataset) -> tuple[int, int]:
    """How many bytes an array claims, and how many it takes in the file."""
    if dataset.external or dataset.is_virtual:
        raise FileError(f"{place}: the values of {where} lie in another file, which is not read")
    kind = dataset.dtype.kind
    bfloat16 = kind == "V" and dataset.dtype.fields is None and dataset.dtype.itemsize == 2
    if kind not in "fiub" and not bfloat16:
        raise FileError(f"{place}: {where} holds {dataset.dtype}: weights are numbers")
    if dataset.shape is None:
        raise FileError(f"{place}: {where} has no shape")
    properties = dataset.id.get_create_plist()
    for i in range(properties.get_nfilters()):
        if properties.get_filter(i)[0] not in _FILTERS:
            raise FileError(f"{place}: {where} needs a plugin of HDF5 to be read: write it without, or with gzip")
    chunk = math.prod(dataset.chunks) if dataset.chunks else 0
    claims = max(math.prod(dataset.shape), chunk) * dataset.dtype.itemsize
    return claims, dataset.id.get_storage_size()


def _check_attribute(place: str, item: h5py.Group, name: str, *, single: bool = False) -> None:
    """Texts of a sane size; those of variable length do not say theirs, but each lies in this file."""
    attribute = item.attrs.get_id(name)
    count = math.prod(attribute.shape)
    kind = h5py.check_string_dtype(attribute.dtype)
    if kind is None and count:
        raise FileError(f"{place}: attribute {name} of {item.name} should be text")
    if single and count != 1:
        raise FileError(f"{place}: attribute {name} of {item.name} should be a single text")
    length = 0 if kind is None else kind.length
    if length is None and not single:
        path = Path(item.file.filename)
        length = _longest(path, path.stat().st_mtime_ns)
    if count * (length or 0) > TEXT_BYTES * 16:
        raise FileError(f"{place}: attribute {name} of {item.name} is too long")


@lru_cache(maxsize=4)
def _longest(path: Path, changed: int) -> int:
    """How long a text of variable length can be: as the largest of the heaps in which such texts lie.

    Many names may point to one and the same text, of which a copy is made for each.
    """
    found = 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_HEAP)
        while at >= 0:
            size = int.from_bytes(data[at + 8 : at + 16], "little")
            found = max(found, size if size <= len(data) - at else 0)
            at = data.find(_HEAP, at + 1)
    return found
