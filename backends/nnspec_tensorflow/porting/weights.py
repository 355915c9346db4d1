"""The weights of a file, given to a model that was built of its config, or by its author's function."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nnspec.errors import FileError
from nnspec_tensorflow.porting import archive, config, hdf5, legacy_weights
from nnspec_tensorflow.porting.legacy import Version
from nnspec_tensorflow.startup import keras

_INDEX_BYTES = 16 << 20
# What Keras 2 and Keras 3 call alike; other names say nothing about where an array belongs.
_NAMED = frozenset(
    [
        "kernel",
        "bias",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
        "embeddings",
        "recurrent_kernel",
        "pointwise_kernel",
        "mean",
        "variance",
        "count",
        "alpha",
    ]
)


def load_new(place: str, path: Path, model: Any) -> None:
    """The weights of a checked HDF5 file in the layout of ``.weights.h5``: one group for each layer, by its class.

    Raises:
        FileError: layers without weights, or with others.
    """
    if not model.built:
        raise FileError(f"{place}: the model was never called, so that it has no weights to fill: call it once before")
    with tempfile.TemporaryDirectory() as folder:
        # Keras tells the layout by the name.
        named = Path(folder) / "model.weights.h5"
        named.symlink_to(path.resolve())
        _fill(place, named, model)
    finite(place, ((v.path, v) for v in model.weights))


def load_shards(path: Path, model: Any) -> None:
    """The weights of an index, ``.weights.json``, and of the files beside it that it names.

    Raises:
        FileError: a file is missing, damaged or elsewhere; layers without weights, or with others.
    """
    place = str(path)
    index = config.parsed(place, archive.limited(path, _INDEX_BYTES))
    entries = index.get("weight_map")
    if not isinstance(entries, dict):
        raise FileError(f"{place}: no weight_map: this is not how Keras writes an index of weights")
    names: set[Any] = {f"{path.name.removesuffix('.weights.json')}_00000.weights.h5"}  # Keras opens it in any case
    for found in entries.values():
        names.update(found if isinstance(found, list) else [found])
    for name in sorted(names, key=str):
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*\.weights\.h5", name):
            raise FileError(f"{place}: names {name!r}, which is no file of weights beside it")
        if not (path.parent / name).is_file():
            raise FileError(f"{place}: {name}, which it names, is missing: it belongs beside it")
        with hdf5.opened(path.parent / name):
            pass
    unset(model)
    _fill(place, path, model)
    finite(place, ((v.path, v) for v in model.weights))


def _fill(place: str, path: Path, model: Any) -> None:
    try:
        with warnings.catch_warnings():
            # That weights are missing Keras guesses, at times wrongly; what has none is seen later.
            warnings.filterwarnings("ignore", "Skipping nested container", UserWarning)
            model.load_weights(path)
    except Exception as error:
        raise FileError(f"{place}: the weights do not fit the model: {' '.join(str(error).split())[:500]}") from error


def unset(model: Any) -> None:
    """Make all weights NaN, so that it can be seen which of them a file leaves out."""
    for variable in model.weights:
        if "float" in str(variable.dtype):
            variable.assign(np.full(variable.shape, np.nan, np.float32))


def started(model: Any) -> None:
    """Give recurrent layers that keep their states a first one, which no file holds."""
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()


@dataclass(frozen=True)
class Legacy:
    """How a file that ``Model.save`` wrote before ``.keras`` holds weights: a group for each layer, in order.

    Attributes:
        place: the file, for errors.
        group: the group that has ``layer_names``.
        version: the Keras that wrote it.
        backend: what that ran on.
        names: what the file calls a layer, by ``id`` of the layer.
    """

    place: str
    group: h5py.Group
    version: Version
    backend: str | None
    names: Mapping[int, str]

    def load(self, model: Any) -> None:
        """Give a model its weights: groups by the names of its layers, or in their order where names differ.

        Raises:
            FileError: another number of layers, of weights, or another shape.
        """
        saved = [(name, self._arrays(name)) for name in hdf5.names(self.place, self.group, "layer_names")]
        saved = [(name, arrays) for name, arrays in saved if arrays]
        layers = [layer for layer in model.layers if _variables(layer)]
        if len(saved) != len(layers):
            raise FileError(
                f"{self.place}: {len(saved)} layers with weights, and the model has {len(layers)}: it is not the model "
                f"that they were saved from"
            )
        by_name = dict(saved)
        known = [self.names.get(id(layer), layer.name) for layer in layers]
        if len(by_name) == len(saved) and set(known) == set(by_name):
            saved = [(name, by_name[name]) for name in known]
        for layer, (name, arrays) in zip(layers, saved, strict=True):
            self._give(layer, name, arrays)
        if "top_level_model_weights" in self.group and (arrays := self._arrays("top_level_model_weights")):
            own = [*model._trainable_variables, *model._non_trainable_variables]
            self._assign(f"{self.place}: the model's own weights", own, [hdf5.array(self.place, d) for _, d in arrays])

    def _arrays(self, name: str) -> list[tuple[str, Any]]:
        group = hdf5.child(self.place, self.group, name)
        if not isinstance(group, h5py.Group):
            raise FileError(f"{self.place}: damaged: {name!r} should be a group of weights")
        return [(w, hdf5.child(self.place, group, w)) for w in hdf5.names(self.place, group, "weight_names")]

    def _give(self, layer: Any, name: str, arrays: Sequence[tuple[str, Any]]) -> None:
        where = f"{self.place}: layer {self.names.get(id(layer), layer.name)!r}"
        where += f" (weights of {name!r})" if name != self.names.get(id(layer), layer.name) else ""
        runs = _runs(layer)
        plain = [len(variables) for _, variables in runs]
        counts = plain
        if sum(plain) != len(arrays):
            counts = [legacy_weights.count(owner, variables, self.version) for owner, variables in runs]
        if sum(counts) != len(arrays):
            raise FileError(f"{where}: it has {sum(plain)} weights, and the file has {len(arrays)}")
        if counts == plain:
            arrays = self._in_order(runs, arrays)
        start = 0
        for (owner, variables), size in zip(runs, counts, strict=True):
            values = [hdf5.array(self.place, dataset) for _, dataset in arrays[start : start + size]]
            start += size
            self._assign(where, variables, legacy_weights.converted(owner, values, self.version, self.backend))
        for inner in layer._flatten_layers():
            if isinstance(inner, keras.layers.Normalization):
                inner.finalize_state()

    def _in_order(self, runs: Sequence[Any], arrays: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
        """The arrays as the variables follow one another, by their names where their order is another.

        Models within models list what is trained first, and Keras's versions differ in how they go through them.
        """
        variables = [(owner, v) for owner, each in runs for v in each]
        if all(_alike(name, v.name) for (name, _), (_, v) in zip(arrays, variables, strict=True)):
            return arrays
        wanted = [(self.names.get(id(owner), owner.name), v.name) for owner, v in variables]
        found = {_tail(name): (name, dataset) for name, dataset in arrays}
        if len(found) == len(arrays) and set(wanted) == set(found):
            return [found[key] for key in wanted]
        return arrays

    def _assign(self, where: str, variables: Sequence[Any], values: Sequence[Any]) -> None:
        if len(variables) != len(values):
            raise FileError(f"{where}: it has {len(variables)} weights, and the file has {len(values)}")
        for variable, value in zip(variables, values, strict=True):
            if tuple(variable.shape) != value.shape:
                raise FileError(
                    f"{where}: {variable.name} has shape {tuple(variable.shape)}, and the file {value.shape}"
                )
            finite(self.place, [(variable.path, value)])
            variable.assign(value)


def finite(place: str, values: Any) -> None:
    """Demand numbers: a weight that is none makes every result none, which no comparison could tell from another.

    Raises:
        FileError: NaN or an infinity, with the weight's name.
    """
    for name, value in values:
        array = np.asarray(value)
        if array.dtype.kind in "iub" or np.isfinite(array.astype(np.float32, copy=False)).all():
            continue
        count = array.size - int(np.isfinite(array.astype(np.float32, copy=False)).sum())
        if count == array.size:
            raise FileError(f"{place}: the file has no values for {name}, or none that are finite numbers")
        raise FileError(
            f"{place}: {name} has {count} values that are no finite numbers: training went wrong before it was saved; "
            f"take an earlier checkpoint, or replace them in Keras and give the model itself"
        )


def _variables(layer: Any) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _runs(layer: Any) -> list[tuple[Any, list[Any]]]:
    """The variables in Keras's order, those of one layer that follow one another together with their layer."""
    owners = {
        id(v): inner
        for inner in layer._flatten_layers()
        for v in (*inner._trainable_variables, *inner._non_trainable_variables)
    }
    runs: list[tuple[Any, list[Any]]] = []
    for variable in _variables(layer):
        owner = owners.get(id(variable), layer)
        if not runs or runs[-1][0] is not owner:
            runs.append((owner, []))
        runs[-1][1].append(variable)
    return runs


def _tail(name: str) -> tuple[str, str]:
    """``model/dense_1/kernel:0`` as ``("dense_1", "kernel")``."""
    *scope, last = name.split("/")
    return (scope[-1] if scope else "", last.partition(":")[0])


def _alike(saved: str, own: str) -> bool:
    word = _tail(saved)[1]
    return word == own or word not in _NAMED or own not in _NAMED
