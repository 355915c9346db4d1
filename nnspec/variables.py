"""Files of variables: canonical names to arrays, as safetensors.

Loading reads numbers only; no code in a file is ever run. Source: https://github.com/huggingface/safetensors (format).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnspec.errors import FileError
from nnspec.files import reason, write_atomically

FORMAT = 1
FORMAT_KEY = "nnspec"
DTYPES: dict[str, Any] = {
    "BF16": ml_dtypes.bfloat16,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "BOOL": np.bool_,
}
_KNOWN = frozenset(np.dtype(dtype) for dtype in DTYPES.values())


def save(
    path: str | os.PathLike[str], variables: Mapping[str, ArrayLike], metadata: Mapping[str, str] | None = None
) -> None:
    """Write variables to a file, whole or not at all.

    Args:
        path: where to.
        variables: arrays of any layout (views, transposed, reversed) by canonical name.
        metadata: texts to keep with them.

    Raises:
        FileError: the file cannot be written, or an array is of a dtype that it cannot hold.
    """
    write_atomically(path, dumps(variables, metadata))


def dumps(variables: Mapping[str, ArrayLike], metadata: Mapping[str, str] | None = None) -> bytes:
    """The content of a file of variables."""
    from safetensors.numpy import save as serialize

    plain = {name: row_major(name, value) for name, value in variables.items()}
    return serialize(plain, {**(metadata or {}), FORMAT_KEY: str(FORMAT)})


def load(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The variables of a file, sorted by name, and its metadata.

    Raises:
        FileError: missing, not a file of variables, cut off or damaged, or of a newer format.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise FileError(f"there is no file {name}") from None
    except OSError as error:
        raise FileError(f"{name} cannot be read: {reason(error)}") from None
    return loads(data, name)


def loads(data: bytes, source: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The variables and the metadata in the content of a file; ``source`` names it in messages."""
    from safetensors import SafetensorError, deserialize

    try:
        tensors = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        # Only now: the length that a file of safetensors begins with may look like the start of these.
        if data[:1] == b"\x80" or data[:4] == b"PK\x03\x04":
            kind = "a pickle" if data[:1] == b"\x80" else "a zip archive"
            raise FileError(
                f"{source} is {kind}, which nnspec does not open: variables are kept as safetensors"
            ) from None
        detail = str(error).removeprefix("Error while deserializing: ")
        raise FileError(f"{source} is damaged, cut off, or not a file of variables ({detail})") from None
    size = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    version = metadata.pop(FORMAT_KEY, None)
    if version is None:
        raise FileError(f"{source} was not written by nnspec: it names no format version")
    if version != str(FORMAT):
        from nnspec import __version__

        known = f"this is nnspec {__version__}, which reads up to {FORMAT}"
        raise FileError(f"{source} is of format {version}; {known}: upgrade nnspec")
    found: dict[str, NDArray[Any]] = {}
    for name, held in sorted(tensors, key=lambda pair: str(pair[0])):
        if held["dtype"] not in DTYPES:
            raise FileError(f"{source}: {name} is of the unknown dtype {held['dtype']}")
        dtype = np.dtype(DTYPES[held["dtype"]]).newbyteorder("<")
        found[name] = np.frombuffer(held["data"], dtype).reshape(held["shape"]).astype(dtype.newbyteorder("="))
    return found, metadata


def row_major(name: str, value: ArrayLike) -> NDArray[Any]:
    """A row-major array in native byte order: safetensors writes the memory of any other as it lies, without a word."""
    array = np.asarray(value)
    array = np.asarray(array, array.dtype.newbyteorder("="), order="C")
    if array.dtype not in _KNOWN:
        raise FileError(f"{name} is of dtype {array.dtype}, which a file of variables cannot hold")
    return array
