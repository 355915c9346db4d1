"""Examples as they come from files, from scikit-learn or from memory, before they are fitted to a model."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, FileError, did_you_mean
from nnspec.files import reason
from nnspec.source import Data
from nnspec.training.table import read_table

Array = NDArray[Any]


def number_row(i: int) -> str:
    """What messages call a row of an array."""
    return f"row {i}"


@dataclass(frozen=True)
class Raw:
    """Rows of examples.

    Attributes:
        inputs: arrays (n, ...) by the model's input names.
        targets: (n, ...): numbers, or the names of classes.
        weights: (n, ...) or None.
        classes: what the class ids in ``targets`` stand for; None if they stand for themselves, or are no ids.
        labels: whether ``targets`` are names of classes, as texts or numbers, of which ids are still to be made.
        columns: the names of each input's features, where they have names.
        place: how messages call row i.
    """

    inputs: dict[str, Array]
    targets: Array
    weights: Array | None = None
    classes: tuple[Any, ...] | None = None
    labels: bool = False
    columns: Mapping[str, tuple[str, ...]] | None = None
    place: Callable[[int], str] = number_row


def from_memory(data: Any, names: Sequence[str]) -> Raw:
    """``(x, y)``, ``(x, y, weights)`` with x an array or a mapping by name, or a mapping with "targets" and "weights".

    Raises:
        DataError: another form, or inputs that the model does not have.
    """
    if isinstance(data, Mapping):
        given = dict(data)
        if "targets" not in given:
            raise DataError(f"data as a mapping needs 'targets' beside its inputs, got {', '.join(map(str, given))}")
        targets, weights = given.pop("targets"), given.pop("weights", None)
    elif isinstance(data, tuple | list) and len(data) in (2, 3):
        given, targets, weights = data[0], data[1], data[2] if len(data) == 3 else None
        if not isinstance(given, Mapping):
            if len(names) != 1:
                raise DataError(f"the model has {len(names)} inputs: give a mapping with {', '.join(names)}")
            given = {names[0]: given}
    else:
        raise DataError(
            f"data is (x, y), (x, y, weights) or a mapping of arrays with 'targets', got {type(data).__name__}"
        )
    check_names(given, names)
    inputs = {name: _array(given[name], f"input {name!r}") for name in names}
    made = _array(targets, "targets")
    held = None if weights is None else _array(weights, "weights")
    return Raw(inputs, made, held, labels=made.dtype.kind in "US")


def check_names(given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuse inputs that are missing or that the model does not have."""
    for name in given:
        if name not in names:
            raise DataError(f"the model has no input {name!r}{did_you_mean(name, names)} (inputs: {', '.join(names)})")
    for name in names:
        if name not in given:
            raise DataError(f"the data has no array for the model's input {name!r}")


def _array(value: Any, what: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"{what} is not an array: {error}") from None
    if array.dtype == object:
        raise DataError(f"{what} holds Python objects (rows of different lengths, missing values, or mixed types)")
    return array


# -- scikit-learn -----------------------------------------------------------------------------------------------------


def from_sklearn(name: str, names: Sequence[str]) -> Raw:
    """One of scikit-learn's own sets, by its name."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    labels = getattr(bunch, "target_names", None)
    classes = None if labels is None else tuple(v.item() if isinstance(v, np.generic) else v for v in labels)
    columns = {names[0]: tuple(map(str, bunch.feature_names))}
    return Raw({names[0]: bunch.data}, bunch.target, classes=classes, columns=columns)


# -- npz --------------------------------------------------------------------------------------------------------------


def from_npz(path: str, data: Data, names: Sequence[str]) -> Raw:
    """Arrays of an ``.npz`` file."""
    arrays = read_arrays(path)
    target = data.target if isinstance(data.target, str) else "targets"
    keys = _keys_of(data, names, [key for key in arrays if key not in (target, data.weights)])
    for key in (target, *keys.values(), *([data.weights] if data.weights else [])):
        if key not in arrays:
            raise DataError(f"{path} holds no array {key!r}{did_you_mean(key, arrays)} (arrays: {', '.join(arrays)})")
    inputs = {name: arrays[key] for name, key in keys.items()}
    weights = arrays[data.weights] if data.weights else None
    return Raw(inputs, arrays[target], weights, labels=arrays[target].dtype.kind in "US")


def _keys_of(data: Data, names: Sequence[str], rest: Sequence[str]) -> dict[str, str]:
    """Which array is which input: as ``data.inputs`` says, else by name; a model's only input takes the only array."""
    if isinstance(data.inputs, str):
        given: dict[str, Any] = {names[0]: data.inputs}
    elif isinstance(data.inputs, dict):
        given = data.inputs
    elif data.inputs is None:
        given = {names[0]: rest[0]} if len(names) == len(rest) == 1 else {name: name for name in names}
    else:
        raise DataError("data.inputs of an npz file is the name of an array, or a mapping of inputs to names")
    check_names(given, names)
    return {name: str(given[name]) for name in names}


def read_arrays(path: str) -> dict[str, Array]:
    """The arrays of an ``.npz`` file, or of an ``.npy`` file under the name "".

    Raises:
        FileError: missing, damaged, or with Python objects, which are never loaded.
    """
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError:
        raise FileError(f"there is no file {path}") from None
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, MemoryError) as error:
        if "allow_pickle" in str(error) or "pickle" in str(error):
            raise FileError(f"{path} holds Python objects (or is no NumPy file), which nnspec does not load") from None
        raise FileError(f"{path} is damaged or no NumPy file: {str(error)[:100]}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {reason(error)}") from None


# -- csv ---------------------------------------------------------------------------------------------------------------


def from_csv(path: str, data: Data, names: Sequence[str], *, ids: bool) -> Raw:
    """Rows of a CSV file.

    Args:
        ids: whether the target is a class, written as a text or a number, or a value to predict.
    """
    table = read_table(path)
    targets = (data.target,) if isinstance(data.target, str) else data.target or ()
    table.check(targets, "target column")
    if data.weights is not None:
        table.check([data.weights], "column of weights")
    columns = _columns_of(data, names, [c for c in table.columns if c not in (*targets, data.weights)])
    for chosen in columns.values():
        table.check(chosen, "column")
    if not all(columns.values()):
        raise DataError(f"{path} has no columns beside its target")
    remedy = ": name the columns to use in data.inputs"
    inputs = {name: table.numbers(chosen, remedy) for name, chosen in columns.items()}
    weights = None if data.weights is None else table.numbers([data.weights])[:, 0]
    labels = len(targets) == 1 and (ids or not table.numeric(targets[0]))
    if labels and not table.numeric(targets[0]):
        held: Array = table.texts(targets[0])
    else:
        held = table.numbers(targets)
        held = held[:, 0] if len(targets) == 1 else held
    return Raw(inputs, held, weights, labels=labels, columns=columns, place=table.place)


def _columns_of(data: Data, names: Sequence[str], rest: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Which columns make which input: as ``data.inputs`` says, else all to the model's only input."""
    if isinstance(data.inputs, dict):
        check_names(data.inputs, names)
        chosen = {name: data.inputs[name] for name in names}
        return {name: (value,) if isinstance(value, str) else value for name, value in chosen.items()}
    if len(names) != 1:
        raise DataError(f"the model has {len(names)} inputs: data.inputs says which columns make {', '.join(names)}")
    if data.inputs is None:
        return {names[0]: tuple(rest)}
    return {names[0]: (data.inputs,) if isinstance(data.inputs, str) else data.inputs}
