"""Keras's model files, of Keras 3, 2 and 1, read without executing anything that is in them.

``.keras`` is a zip archive of a config and weights; ``.h5`` an HDF5 file of both, or of weights alone for a model that
a function makes. Each comes to the same: a live model of Keras 3 that computes what the file's own Keras computed.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from nnspec.backends import Array
from nnspec.errors import FileError
from nnspec.porting.formats import Reading
from nnspec_tensorflow.porting import archive, config, hdf5, signatures, weights
from nnspec_tensorflow.porting.deferred import Allowance, deferred
from nnspec_tensorflow.porting.legacy import Version
from nnspec_tensorflow.porting.rebuild import Rebuilder
from nnspec_tensorflow.porting.recognition import CONFIG, METADATA, WEIGHTS

_CONFIG_BYTES, _METADATA_BYTES = 64 << 20, 1 << 20


@dataclass(frozen=True)
class Loaded:
    """A model from a file.

    Attributes:
        model: as Keras 3 has it.
        version: the Keras that wrote it, ``2.2.4-tf``.
        notes: what was left out, a sentence each.
        optimizer: the config of its optimizer as it stands in the file, read as data; None where there is none.
    """

    model: Any
    version: str
    notes: tuple[str, ...]
    optimizer: dict[str, Any] | None


def load(path: Path, how: Reading) -> Any:
    """The model of a file, with its weights, as a live ``keras.Model``. Nothing in the file is executed.

    Raises:
        FileError: missing, damaged, hostile, weights that do not fit, or weights alone.
        PortError: a class, function or option that Keras 3 does not have, named by its layer.
    """
    return read(path, how).model


def read(path: Path, how: Reading) -> Loaded:
    """As :func:`load`, with what else the file says."""
    first = signatures.head(path, 64)
    if first.startswith(signatures.ZIP):
        return _of_archive(path, how)
    if first.startswith(signatures.HDF5):
        return _of_hdf5(path, how)
    raise signatures.stranger(str(path), first)


def load_weights(model: Any, path: Path) -> None:
    """Give a model, which a function of its author's made, the weights of a file; after an error it has none.

    Args:
        model: a built ``keras.Model``.
        path: ``.weights.h5``, ``.weights.json`` with the files that it names beside it, ``.h5`` of weights alone or of
            a whole model, or ``.keras``.

    Raises:
        FileError: missing, damaged, hostile, or not the weights of this model.
    """
    first = signatures.head(path, 64)
    if first.startswith(signatures.ZIP):
        with _archive(path) as (opened, _), _extracted(path, opened) as weights_path:
            with hdf5.opened(weights_path, f"{path}: {WEIGHTS}"):
                pass
            weights.unset(model)
            weights.load_new(str(path), weights_path, model)
        return
    if path.name.endswith(".weights.json"):
        weights.load_shards(path, model)
        return
    if not first.startswith(signatures.HDF5):
        raise signatures.stranger(str(path), first)
    with hdf5.opened(path) as file:
        group = _weights_group(file)
        if group is not None:
            version = Version(_version(str(path), group, file))
            backend = hdf5.text(str(path), group, "backend") or hdf5.text(str(path), file, "backend")
            weights.Legacy(str(path), group, version, backend, {}).load(model)
            return
    weights.unset(model)
    weights.load_new(str(path), path, model)


def optimizer_state(path: Path) -> list[tuple[str, Array]]:
    """The variables of the optimizer in a file, with the names that it has for them, in its order; [] for none.

    Raises:
        FileError: damaged or hostile.
    """
    first = signatures.head(path, 64)
    if first.startswith(signatures.ZIP):
        with _archive(path) as (opened, _), _extracted(path, opened) as weights_path:
            place = f"{path}: {WEIGHTS}"
            with hdf5.opened(weights_path, place) as file:
                if "optimizer/vars" not in file:
                    return []
                group = file["optimizer/vars"]
                keys = sorted(group, key=lambda key: (len(key), key))
                return [(key, hdf5.array(place, group[key])) for key in keys]
    with hdf5.opened(path) as file:
        if "optimizer_weights" not in file:
            return []
        group = file["optimizer_weights"]
        names = hdf5.names(str(path), group, "weight_names")
        return [(name, hdf5.array(str(path), hdf5.child(str(path), group, name))) for name in names]


def _of_archive(path: Path, how: Reading) -> Loaded:
    place = str(path)
    with _archive(path) as (opened, entry), _extracted(path, opened) as weights_path:
        metadata = config.parsed(f"{place}: {METADATA}", archive.read(path, opened, METADATA, _METADATA_BYTES))
        version = Version(str(metadata.get("keras_version", "3")))
        inner = f"{place}: {WEIGHTS}"
        with hdf5.opened(weights_path, inner) as file:
            allowance = Allowance(place, _numbers(file))
        rebuilder = Rebuilder(place, version, how, allowance.check)
        with deferred(allowance):
            model = rebuilder.model(entry, inputs=how.inputs)
        weights.load_new(place, weights_path, model)
        compiled = entry.get("compile_config")
        optimizer = compiled.get("optimizer") if isinstance(compiled, dict) else None
        return _loaded(model, version, rebuilder, optimizer)


def _of_hdf5(path: Path, how: Reading) -> Loaded:
    place = str(path)
    with hdf5.opened(path) as file:
        written = hdf5.text(place, file, "model_config")
        if written is None:
            raise FileError(
                f"{place}: it holds weights without a model: give the function that builds the model, as "
                f"package.module:function, and this file as --weights"
            )
        group = _weights_group(file)
        if group is None:
            raise FileError(f"{place}: damaged: it holds a model without weights")
        version = Version(_version(place, file, group))
        backend = hdf5.text(place, file, "backend") or hdf5.text(place, group, "backend")
        allowance = Allowance(place, _numbers(file))
        rebuilder = Rebuilder(place, version, how, allowance.check, _floatx(group))
        with deferred(allowance):
            model = rebuilder.model(config.parsed(place, written), inputs=how.inputs)
        weights.Legacy(place, group, version, backend, rebuilder.names).load(model)
        training = hdf5.text(place, file, "training_config")
        optimizer = config.parsed(place, training).get("optimizer_config") if training else None
        return _loaded(model, version, rebuilder, optimizer)


def _loaded(model: Any, version: Version, rebuilder: Rebuilder, optimizer: Any) -> Loaded:
    weights.started(model)
    named = {"class_name": optimizer, "config": {}} if isinstance(optimizer, str) else optimizer
    known = named if isinstance(named, dict) else None
    return Loaded(model, version.text, tuple(rebuilder.notes), known)


@contextmanager
def _archive(path: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A ``.keras`` archive and its config."""
    with archive.opened(path) as opened:
        members = opened.namelist()
        if CONFIG not in members:
            raise signatures.other_archive(path, members)
        if "model.weights.npz" in members and WEIGHTS not in members:
            raise FileError(f"{path}: its weights are in .npz: write it again with model.save(), which uses HDF5")
        yield opened, config.parsed(f"{path}: {CONFIG}", archive.read(path, opened, CONFIG, _CONFIG_BYTES))


@contextmanager
def _extracted(path: Path, opened: Any) -> Iterator[Path]:
    """The weights in a temporary file of our own naming."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "weights"
        with target.open("wb") as file:
            archive.extract(path, opened, WEIGHTS, file)
        if not (first := signatures.head(target)).startswith(signatures.HDF5):
            raise signatures.stranger(f"{path}: {WEIGHTS}", first)
        yield target


def _weights_group(file: h5py.File) -> h5py.Group | None:
    """Where the groups of the layers lie: below ``model_weights``, or at the top in files of weights alone."""
    group = file.get("model_weights")
    if isinstance(group, h5py.Group):
        return group
    return file if "layer_names" in file.attrs or "layer_names0" in file.attrs else None


def _version(place: str, *groups: h5py.Group) -> str:
    """The first files of Keras 1 do not say theirs."""
    return next((found for group in groups if (found := hdf5.text(place, group, "keras_version"))), "1")


def _numbers(file: h5py.File) -> int:
    found = 0

    def visit(name: str, item: Any) -> None:
        nonlocal found
        if isinstance(item, h5py.Dataset):
            found += math.prod(item.shape)

    file.visititems(visit)
    return found


def _floatx(group: h5py.Group) -> str:
    """The dtype of a model whose layers do not say theirs: of its weights."""
    kinds: set[str] = set()

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and item.shape:
            kinds.add(item.dtype.name)

    group.visititems(visit)
    return kinds.pop() if len(kinds) == 1 and kinds <= {"float16", "float32", "float64"} else "float32"
