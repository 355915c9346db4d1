"""Variables in one file of safetensors or in several, written and read array by array.

Beyond a size they are split as Hugging Face's libraries split them: ``variables-00001-of-00003.safetensors`` and so on,
and an index that says in which file each array is. Nothing that is read is ever run.
Source: https://github.com/huggingface/safetensors (format).
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.backends import Array
from nnspec.errors import FileError
from nnspec.files import reason, unwritable
from nnspec.variables import DTYPES, FORMAT, FORMAT_KEY, row_major

SHARD_BYTES = 2_000_000_000
_INDEX = ".safetensors.index.json"
# So much of an array is brought into row-major order at a time.
_PIECE = 1 << 24


def write_shards(
    directory: str | os.PathLike[str],
    variables: Mapping[str, Any],
    *,
    stem: str = "variables",
    shard_bytes: int = SHARD_BYTES,
    metadata: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write variables into a directory that exists: one file, or several with an index.

    One array is in memory beside those that are given at most.

    Args:
        variables: arrays by name, of any layout; memory-mapped ones are read as they are written.
        stem: what the files' names begin with.
        shard_bytes: how many bytes of arrays a file holds at most, unless one array alone is larger.
        metadata: texts to keep with them.

    Returns:
        The files.

    Raises:
        FileError: a file cannot be written, or an array is of a dtype that it cannot hold.
    """
    place = Path(directory)
    groups: list[list[str]] = [[]]
    held = total = 0
    for name, value in variables.items():
        size = int(np.asarray(value).nbytes)
        if groups[-1] and held + size > shard_bytes:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held, total = held + size, total + size
    texts = {**(metadata or {}), FORMAT_KEY: str(FORMAT)}
    if len(groups) == 1:
        files = [place / f"{stem}.safetensors"]
    else:
        files = [place / f"{stem}-{i + 1:05d}-of-{len(groups):05d}.safetensors" for i in range(len(groups))]
    for file, names in zip(files, groups, strict=True):
        write_file(file, {name: variables[name] for name in names}, texts)
    if len(groups) > 1:
        where = {name: file.name for file, names in zip(files, groups, strict=True) for name in names}
        index = {"metadata": {"total_size": total}, "weight_map": where}
        try:
            (place / f"{stem}{_INDEX}").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise unwritable(place / f"{stem}{_INDEX}", error) from None
    return files


def read_shards(directory: str | os.PathLike[str], *, stem: str = "variables") -> dict[str, Array]:
    """The variables that :func:`write_shards` wrote, or another tool in that form, mapped into memory.

    Arrays are read when they are looked at, and cannot be written to.

    Raises:
        FileError: missing, damaged, or the index and the files contradict each other.
    """
    place = Path(directory)
    index = place / f"{stem}{_INDEX}"
    if not index.is_file():
        return read_file(place / f"{stem}.safetensors")
    where = _weight_map(index)
    found: dict[str, Array] = {}
    for name in sorted(set(where.values())):
        for key, value in read_file(place / name).items():
            if where.get(key) != name:
                raise FileError(f"{place / name} holds {key}, which the index {index.name} does not place there")
            found[key] = value
    missing = [key for key in where if key not in found]
    if missing:
        raise FileError(f"{index} places {missing[0]} in {where[missing[0]]}, which does not hold it")
    return found


def has_shards(directory: str | os.PathLike[str], *, stem: str = "variables") -> bool:
    """Whether there are such files."""
    place = Path(directory)
    return (place / f"{stem}.safetensors").is_file() or (place / f"{stem}{_INDEX}").is_file()


def read_file(path: str | os.PathLike[str]) -> dict[str, Array]:
    """The arrays of a file of safetensors, whoever wrote it, mapped into memory and not to be written to.

    Raises:
        FileError: missing, not such a file, cut off or damaged.
    """
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    try:
        with safe_open(name, framework="numpy"):  # checks the header, and that the arrays fill the file
            pass
        with open(name, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(size))
    except FileNotFoundError:
        raise FileError(f"there is no file {name}") from None
    except OSError as error:
        raise FileError(f"{name} cannot be read: {reason(error)}") from None
    except (SafetensorError, ValueError, struct.error) as error:
        raise FileError(f"{name} is damaged, cut off, or not a file of safetensors ({error})") from None
    header.pop("__metadata__", None)
    found: dict[str, Array] = {}
    for key, held in header.items():
        if held["dtype"] not in DTYPES:
            raise FileError(f"{name}: {key} is of the dtype {held['dtype']}, which nnspec does not know")
        dtype, shape = np.dtype(DTYPES[held["dtype"]]), tuple(held["shape"])
        begin, end = held["data_offsets"]
        place = 8 + size + begin
        mapped = end > begin and shape
        found[key] = np.memmap(name, dtype, "r", place, shape) if mapped else _small(name, dtype, place, shape)
    return found


def _small(name: str, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...]) -> Array:
    """An array that cannot be mapped: of nothing, or a single number."""
    count = int(np.prod(shape, dtype=np.int64))
    with open(name, "rb") as file:
        file.seek(offset)
        values: NDArray[Any] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return values.reshape(shape)


def _weight_map(index: Path) -> dict[str, str]:
    try:
        read = json.loads(index.read_text(encoding="utf-8"))
        where = read["weight_map"]
        fits = all(isinstance(k, str) and isinstance(v, str) for k, v in where.items())
    except OSError as error:
        raise FileError(f"{index} cannot be read: {reason(error)}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        fits = False
    if not fits:
        raise FileError(f"{index} is not an index of safetensors: it has no weight_map of names to files")
    for name in set(where.values()):
        # A name that leads elsewhere would have a stranger's index open any file of this machine.
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise FileError(f"{index} names the file {name!r}: files stand beside the index")
    return dict(where)


def write_file(path: Path, variables: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Write one file of safetensors that does not exist yet, array by array: one is in memory beside those given.

    Raises:
        FileError: the file cannot be written, or an array is of a dtype that it cannot hold.
    """
    codes = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
    # The widest first: then each lies at a multiple of its own size.
    variables = dict(sorted(variables.items(), key=lambda held: -np.asarray(held[1]).itemsize))
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    begin = 0
    for name, value in variables.items():
        array = np.asarray(value)
        dtype = array.dtype.newbyteorder("=")
        if dtype not in codes:
            raise FileError(f"{name} is of dtype {array.dtype}, which a file of variables cannot hold")
        header[name] = {
            "dtype": codes[dtype],
            "shape": list(array.shape),
            "data_offsets": [begin, begin + array.nbytes],
        }
        begin += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    try:
        with open(path, "xb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for name, value in variables.items():
                array = row_major(name, value).reshape(-1).view(np.uint8)
                for start in range(0, array.size, _PIECE):
                    file.write(array[start : start + _PIECE].data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from None
