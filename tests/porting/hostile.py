"""Files that mean harm, or have come to harm: each a function from an innocent model to bytes."""

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

Config = dict[str, Any]
Files = dict[str, bytes]


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.mark, "executed"))


def code(mark: Path) -> str:
    """A function that writes a file, as Keras writes lambdas into configs."""
    written = f"(lambda x: __import__('pathlib').Path({str(mark)!r}).write_text('executed') and x)"
    compiled = compile(written, "layer", "eval")
    function = next(constant for constant in compiled.co_consts if hasattr(constant, "co_code"))
    return base64.b64encode(marshal.dumps(function)).decode()


def zipped(files: Files, compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def unzipped(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_config(data: bytes, change: Callable[[Config], Config | None]) -> bytes:
    """A .keras file with another config."""
    files = unzipped(data)
    config = json.loads(files["config.json"])
    changed = change(config)
    return zipped(files | {"config.json": json.dumps(config if changed is None else changed).encode()})


def with_layer(data: bytes, index: int, **entry: Any) -> bytes:
    """A .keras file with another entry for a layer; ``config`` is added to what is there."""

    def change(config: Config) -> None:
        layer = config["config"]["layers"][index]
        layer["config"].update(entry.pop("config", {}))
        layer.update(entry)

    return with_config(data, change)


def edited(data: bytes, change: Callable[[h5py.File], None]) -> bytes:
    """An HDF5 file after a change."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.h5"
        path.write_bytes(data)
        with h5py.File(path, "r+") as file:
            change(file)
        return path.read_bytes()


def with_weights(data: bytes, change: Callable[[h5py.File], None]) -> bytes:
    """A .keras file with other weights."""
    files = unzipped(data)
    return zipped(files | {"model.weights.h5": edited(files["model.weights.h5"], change)})


def with_old_config(data: bytes, change: Callable[[Config], None]) -> bytes:
    """An .h5 file with another config."""

    def edit(file: h5py.File) -> None:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)

    return edited(data, edit)


def replaced(file: h5py.File, name: str, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, **options)


def poisoned(file: h5py.File, name: str, value: float) -> None:
    array = file[name][()]
    array.flat[1] = value
    file[name][...] = array


KERNEL = "layers/dense/vars/0"
OLD_KERNEL = "model_weights/first/first/kernel"


def containers(new: bytes, old: bytes, mark: Path) -> dict[str, bytes]:
    """Files cut off, of another kind, and archives with more than a model in them."""
    files = unzipped(new)
    pickled = pickle.dumps(Payload(mark))
    found = {f"archive cut at {i}/12": new[: len(new) * i // 12] for i in range(12)}
    found |= {f"HDF5 cut at {i}/12": old[: len(old) * i // 12] for i in range(1, 12)}
    found |= {
        "archive without its last byte": new[:-1],
        "archive of zeros": new[:4] + bytes(len(new) - 4),
        "HDF5 of zeros": old[:8] + bytes(len(old) - 8),
        "pickle": pickled,
        "pickle of protocol 0": pickle.dumps(Payload(mark), 0),
        "pickle by zlib": zlib.compress(pickled),
        "pickle in an archive": zipped({"archive/data.pkl": pickled}),
        "pickle for a config": zipped(files | {"config.json": pickled}),
        "pickle for weights": zipped(files | {"model.weights.h5": pickled}),
        "gzip": b"\x1f\x8b\x08" + bytes(40),
        "LZ4": b"\x04\x22\x4d\x18" + bytes(40),
        "zstd": b"\x28\xb5\x2f\xfd" + bytes(40),
        "TFLite": b"\x1c\0\0\0TFL3" + bytes(40),
        "SavedModel": b"\x08\x01\x12\x80\x01" + bytes(40),
        "ONNX": b"\x08\x09\x12\x07pytorch" + bytes(40),
        "NumPy": b"\x93NUMPY\x01\0" + bytes(40),
        "safetensors": struct.pack("<Q", 40) + b'{"a": {"dtype": "F32"}}' + bytes(40),
        "web page": b"<!DOCTYPE html><html></html>",
        "pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "JSON": b'{"class_name": "Sequential"}',
        "text": b"not a model at all",
        "script": b"#!/bin/sh\ntouch /tmp/x\n",
        "archive of arrays": zipped({"a.npy": b"\x93NUMPY"}),
        "archive of other things": zipped({"word/document.xml": b"<x/>"}),
        "archive without config": zipped({k: v for k, v in files.items() if k != "config.json"}),
        "archive without weights": zipped({k: v for k, v in files.items() if k != "model.weights.h5"}),
        "archive without metadata": zipped({k: v for k, v in files.items() if k != "metadata.json"}),
        "name above the archive": zipped(files | {"../../escaped": b"x"}),
        "absolute name": zipped(files | {"/tmp/escaped": b"x"}),
        "name with a drive": zipped(files | {"C:\\escaped": b"x"}),
        "bomb beside the weights": zipped(files | {"assets/x": bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
        "bomb for a config": zipped(files | {"config.json": b" " * (65 << 20)}, zipfile.ZIP_DEFLATED),
        "compressed by LZMA": zipped(files, zipfile.ZIP_LZMA),
        "too many members": zipped(files | {f"assets/{i}": b"" for i in range(10_001)}),
        "a size that is not so": new.replace(
            struct.pack("<I", len(files["config.json"])), struct.pack("<I", (1 << 31) - 1)
        ),
        "encrypted": _flagged(new),
        "symbolic link": _linked(files),
        "the same name twice": _doubled(files),
    }
    return found


def _flagged(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02")
    return data[: at + 8] + b"\x01" + data[at + 9 :]


def _linked(files: Files) -> bytes:
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        info = zipfile.ZipInfo("assets/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def _doubled(files: Files) -> bytes:
    data = zipped(files | {"config.jsom": files["config.json"]})
    return data.replace(b"config.jsom", b"config.json")
