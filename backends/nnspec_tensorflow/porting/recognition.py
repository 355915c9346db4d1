"""Whether a file is a Keras model or its weights, judged by what is in it. Keras is not imported for that."""

from __future__ import annotations

from pathlib import Path

from nnspec.errors import FileError
from nnspec_tensorflow.porting import archive, signatures

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# What a file that ends so holds instead, or what is wrong with it, the error of reading it says best.
_SUFFIXES = (".keras", ".h5", ".hdf5")
_ATTRIBUTES = {"model_config", "layer_names", "layer_names0"}
_GROUPS = {"layers", "_layer_checkpoint_dependencies", "model_weights"}


def reads(path: Path) -> bool:
    """Whether a file is a Keras model or its weights."""
    if not path.is_file():
        return False
    try:
        first = signatures.head(path, 8)
        if first.startswith(signatures.ZIP):
            with archive.opened(path) as opened:
                members = set(opened.namelist())
                return CONFIG in members and bool(members & {METADATA, WEIGHTS})
        if first == signatures.HDF5:
            return _is_hdf5_of_keras(path)
    except (FileError, OSError, RuntimeError, ValueError, KeyError):
        pass
    return path.suffix in _SUFFIXES


def _is_hdf5_of_keras(path: Path) -> bool:
    """A model, weights of layers by name, or Keras 3's weights, which lie in ``vars`` below what holds them."""
    import h5py

    with h5py.File(path, "r") as file:
        if _ATTRIBUTES & set(file.attrs) or _GROUPS & set(file):
            return True
        return any(isinstance(part := file[name], h5py.Group) and "vars" in part for name in file)
