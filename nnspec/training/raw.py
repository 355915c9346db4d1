"""Examples as they come from files, from scikit-learn or from memory, before they are fitted to a model."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, FileError, did_you_mean
from nnspec.files import reason
from nnspec.source import Data
from nnspec.training.table import Table, read_table

Array = NDArray[Any]


def number_row(i: int) -> str:
    """What messages call a row of an array."""
    return f"row {i}"


@dataclass(frozen=True)
class Target:
    """The targets of an output.

    Attributes:
        values: (n, ...): numbers, or the names of classes.
        classes: what the class ids in ``values`` stand for; None if they stand for themselves, or are no ids.
        labels: whether ``values`` are names of classes, as texts or numbers, of which ids are still to be made.
    """

    values: Array
    classes: tuple[Any, ...] | None = None
    labels: bool = False


# The sample weights of all outputs stand under this name, which no output has.
ALL = ""


@dataclass(frozen=True)
class Raw:
    """Rows of examples.

    Attributes:
        inputs: arrays (n, ...) by the model's input names.
        targets: by the names of the outputs that have losses.
        weights: sample weights (n, ...): those of all outputs, or of some.
        columns: the names of each input's features, where they have names.
        place: how messages call row i.
    """

    inputs: dict[str, Array]
    targets: dict[str, Target]
    weights: dict[str, Array] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] | None = None
    place: Callable[[int], str] = number_row


def by_output(given: Any, outputs: Sequence[str], what: str) -> dict[str, Any]:
    """What is given for each output, or without its name for the only one.

    Raises:
        DataError: an output is missing, or there is none with losses of that name.
    """
    if not isinstance(given, Mapping):
        if len(outputs) > 1:
            raise DataError(f"{what} are by output: give a mapping with {', '.join(outputs)}")
        return {outputs[0]: given}
    _check_outputs(given, outputs, what)
    for name in outputs:
        if name not in given:
            raise DataError(f"{what} of the output {name!r} are missing (given: {', '.join(map(str, given))})")
    return {name: given[name] for name in outputs}


def weights_by_output(given: Any, outputs: Sequence[str]) -> dict[str, Any]:
    """Sample weights of all outputs, or of those that are named.

    Raises:
        DataError: there is no output with losses of that name.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return {ALL: given}
    _check_outputs(given, outputs, "weights")
    return dict(given)


def _check_outputs(given: Mapping[str, Any], outputs: Sequence[str], what: str) -> None:
    for name in given:
        if name not in outputs:
            hint = did_you_mean(name, outputs)
            raise DataError(f"{what} of {name!r}, which is no output with a loss{hint} (outputs: {', '.join(outputs)})")


def from_memory(data: Any, names: Sequence[str], outputs: Sequence[str]) -> Raw:
    """``(x, y)``, ``(x, y, weights)``, or a mapping of inputs with "targets" and "weights".

    Each of x, y and weights is an array, or a mapping by the names of inputs or of outputs.

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
    made = {name: _target(_array(y, "targets")) for name, y in by_output(targets, outputs, "targets").items()}
    held = {name: _array(w, "weights") for name, w in weights_by_output(weights, outputs).items()}
    return Raw(inputs, made, held)


def _target(values: Array) -> Target:
    return Target(values, labels=values.dtype.kind in "US")


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


def from_sklearn(name: str, names: Sequence[str], outputs: Sequence[str]) -> Raw:
    """One of scikit-learn's own sets, by its name."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    labels = getattr(bunch, "target_names", None)
    classes = None if labels is None else tuple(v.item() if isinstance(v, np.generic) else v for v in labels)
    columns = {names[0]: tuple(map(str, bunch.feature_names))}
    targets = {output: Target(y, classes) for output, y in by_output(bunch.target, outputs, "targets").items()}
    return Raw({names[0]: bunch.data}, targets, columns=columns)


# -- npz --------------------------------------------------------------------------------------------------------------


def from_npz(path: str, data: Data, names: Sequence[str], outputs: Sequence[str]) -> Raw:
    """Arrays of an ``.npz`` file."""
    arrays = read_arrays(path)
    usual: Any = "targets" if len(outputs) == 1 else {name: name for name in outputs}
    targets = by_output(usual if data.target is None else data.target, outputs, "targets")
    weights = weights_by_output(data.weights, outputs)
    taken = [*targets.values(), *weights.values()]
    keys = _keys_of(data, names, [key for key in arrays if key not in taken])
    for key in (*taken, *keys.values()):
        if key not in arrays:
            raise DataError(f"{path} holds no array {key!r}{did_you_mean(key, arrays)} (arrays: {', '.join(arrays)})")
    return Raw(
        {name: arrays[key] for name, key in keys.items()},
        {name: _target(arrays[key]) for name, key in targets.items()},
        {name: arrays[key] for name, key in weights.items()},
    )


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


def from_csv(path: str, data: Data, names: Sequence[str], outputs: Mapping[str, bool]) -> Raw:
    """Rows of a CSV file.

    Args:
        outputs: of each output with losses whether its target is a class, written as a text or a number, or a value
            to predict.
    """
    table = read_table(path)
    given = by_output(data.target, list(outputs), "targets")
    targets = {name: (held,) if isinstance(held, str) else tuple(held) for name, held in given.items()}
    weights = weights_by_output(data.weights, list(outputs))
    for held in targets.values():
        table.check(held, "target column")
    table.check(list(weights.values()), "column of weights")
    taken = {column for held in targets.values() for column in held} | set(weights.values())
    columns = _columns_of(data, names, [column for column in table.columns if column not in taken])
    for chosen in columns.values():
        table.check(chosen, "column")
    if not all(columns.values()):
        raise DataError(f"{path} has no columns beside its target")
    remedy = ": name the columns to use in data.inputs"
    inputs = {name: table.numbers(chosen, remedy) for name, chosen in columns.items()}
    return Raw(
        inputs,
        {name: _column(table, held, outputs[name]) for name, held in targets.items()},
        {name: table.numbers([column])[:, 0] for name, column in weights.items()},
        columns,
        table.place,
    )


def _column(table: Table, columns: Sequence[str], ids: bool) -> Target:
    """The targets in one column, or in several side by side."""
    if len(columns) > 1:
        return Target(table.numbers(columns))
    numeric = table.numeric(columns[0])
    values = table.numbers(columns)[:, 0] if numeric else table.texts(columns[0])
    return Target(values, labels=ids or not numeric)


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
