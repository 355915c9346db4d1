"""Variables of Flax modules from files: msgpack, Orbax, safetensors and .npz, none of which runs anything.

A module of NNX is filled in place of its own arrays, a linen module gets a tree of variables. Files may hold all
collections (``params``, ``batch_stats``) or the parameters alone; names of flat files are joined by "/" or ".".
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import linen as nn, nnx, serialization
from flax.traverse_util import flatten_dict, unflatten_dict

from nnspec.errors import FileError, PortError, did_you_mean
from nnspec.porting.shards import read_file

_COLLECTIONS = ("params", "batch_stats")


def with_weights(model: Any, path: Path) -> tuple[Any, Any]:
    """A module with the variables of a file: (module, variables), where ``variables`` is None for NNX.

    Args:
        model: a module, or a class or function that makes one without arguments.
        path: the file or directory.

    Raises:
        FileError: it cannot be read. PortError: it does not fit the module.
    """
    if not isinstance(model, nn.Module | nnx.Module) and callable(model):
        model = model()
    tree = read(path)
    if isinstance(model, nnx.Module):
        return _filled(model, tree, path), None
    if isinstance(model, tuple):
        model = model[0]
    return model, tree if any(name in tree for name in _COLLECTIONS) else {"params": tree}


def read(path: Path) -> dict[str, Any]:
    """The tree of arrays of a file.

    Raises:
        FileError: missing, damaged, or of another kind.
    """
    if not path.exists():
        raise FileError(f"{path} does not exist")
    if path.is_dir():
        return _orbax(path)
    with path.open("rb") as opened:
        head = opened.read(9)
    try:
        if zipfile.is_zipfile(path):
            with np.load(path, allow_pickle=False) as file:
                return _nested({name: file[name] for name in file.files})
        if path.suffix == ".safetensors" or head[8:9] == b"{":
            return _nested(read_file(path))
        return _arrays_of(serialization.msgpack_restore(path.read_bytes()), path)
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"{path} is none of msgpack, safetensors and .npz, or damaged: {error}") from error


def _orbax(path: Path) -> dict[str, Any]:
    try:
        ocp = importlib.import_module("orbax.checkpoint")  # it has no types
    except ImportError as error:
        raise FileError(f"{path} is a directory: to read Orbax checkpoints, pip install orbax-checkpoint") from error
    for place in (path, path / "default", path / "state", path / "params"):
        if not place.is_dir():
            continue
        try:
            with ocp.PyTreeCheckpointer() as reader:
                found = reader.restore(place.absolute())
        except Exception:
            continue
        return _arrays_of(found, path)
    raise FileError(f"{path} is no Orbax checkpoint of a tree of arrays")


def _arrays_of(tree: Any, path: Path) -> dict[str, Any]:
    """A tree of plain arrays, that of a TrainState's variables where it is one."""
    if not isinstance(tree, Mapping):
        raise FileError(f"{path} holds no tree of variables")
    made = jax.tree.map(np.asarray, dict(tree))
    bad = [leaf for leaf in jax.tree.leaves(made) if leaf.dtype.kind == "O"]
    if bad:
        raise FileError(f"{path} holds something else than arrays")
    return dict(made)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    mark = "/" if any("/" in name for name in flat) else "."
    return dict(unflatten_dict({tuple(name.split(mark)): array for name, array in flat.items()}))


def _plain(path: tuple[Any, ...]) -> str:
    """A place in a tree, without what Orbax and NNX put behind a variable."""
    return ".".join(str(part) for part in path if part not in ("value", ""))


def _filled(module: nnx.Module, tree: Mapping[str, Any], path: Path) -> nnx.Module:
    """A copy of a module with the arrays of a tree."""
    if any(name in tree for name in _COLLECTIONS):
        tree = {name: value for part in _COLLECTIONS for name, value in flatten_dict(tree.get(part, {})).items()}
        tree = unflatten_dict(tree)
    given = {_plain(place): array for place, array in flatten_dict(dict(tree)).items()}
    graphdef, state = nnx.split(module)
    missing: list[str] = []

    def taken(place: Any, variable: Any) -> Any:
        name = _plain(tuple(getattr(key, "key", key) for key in place))
        if isinstance(variable, nnx.RngState):
            return variable
        if name not in given:
            missing.append(name)
            return variable
        array = given.pop(name)
        own = variable.get_value() if isinstance(variable, nnx.Variable) else variable
        if np.shape(array) != np.shape(own):
            raise PortError(f"{path}: {name} has the shape {np.shape(array)}, the module wants {np.shape(own)}")
        return variable.replace(np.asarray(array)) if isinstance(variable, nnx.Variable) else array

    filled = jax.tree_util.tree_map_with_path(taken, state, is_leaf=lambda x: isinstance(x, nnx.Variable))
    if missing:
        raise PortError(f"{path} has no {missing[0]!r}, which the module has{did_you_mean(missing[0], given)}")
    return nnx.merge(graphdef, filled)
