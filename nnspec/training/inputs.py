"""Inputs in the shapes that a model takes, checked, and standardized."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, FileError, ShapeError, SpecError
from nnspec.model import Model
from nnspec.source import fit_input
from nnspec.training import raw as sources
from nnspec.training.raw import Raw, number_row
from nnspec.training.table import read_table
from nnspec.training.targets import check_finite

Array = NDArray[Any]


@dataclass(frozen=True)
class Standardization:
    """How one input is standardized: (x − mean) / scale, each of the shape of one example."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, x: Array) -> Standardization:
        """Mean and standard deviation (1/n) of each feature of the rows; the scale of a constant feature is 1."""
        values = x.astype(np.float64)
        low, high = values.min(0), values.max(0)
        # The mean of equal numbers may be off by a rounding, which a tiny deviation would then blow up.
        constant = low == high
        deviation = values.std(0)
        usable = ~constant & (deviation > 0)
        return cls(np.where(constant, low, values.mean(0)), np.where(usable, deviation, 1.0))


def standardize(x: Array, standardization: Standardization) -> NDArray[np.float64]:
    """Inputs as in training: (x − mean) / scale, in float64.

    Raises:
        ShapeError: rows of another size. DataError: NaN or infinities.
    """
    shape = standardization.mean.shape
    if x.ndim == 0 or np.prod(x.shape[1:]) != np.prod(shape):
        raise ShapeError(f"the net was trained on rows of shape {list(shape)}, got an array of shape {list(x.shape)}")
    if x.dtype.kind not in "iubf" and str(x.dtype) != "bfloat16":
        raise DataError(f"inputs are numbers, got dtype {x.dtype}")
    values = x.reshape(len(x), *shape).astype(np.float64)
    check_finite(values, "value", number_row)
    return (values - standardization.mean) / standardization.scale


def read_inputs(path: Path, model: Model, feature_names: Sequence[str] | None = None) -> dict[str, Array]:
    """The inputs in a ``.npy``, ``.npz`` or ``.csv`` file, by the names of a model whose shapes are known.

    A CSV is read by ``feature_names``, the columns of all inputs one after the other; other columns are passed over.

    Raises:
        FileError: not such a file. DataError: missing columns or values. ShapeError: rows that do not fit.
    """
    names = list(model.inputs)
    place: Callable[[int], str] = number_row
    if path.suffix == ".csv":
        if feature_names is None:
            raise DataError("the run was trained on arrays without column names: give a .npy or .npz file")
        table = read_table(str(path))
        table.check(feature_names, "column")
        sizes = [int(np.prod(model.inputs[name].shape)) for name in names]
        cuts = np.cumsum([0, *sizes])
        given = {name: table.numbers(feature_names[cuts[i] : cuts[i + 1]]) for i, name in enumerate(names)}
        place = table.place
    elif path.suffix in (".npy", ".npz"):
        arrays = sources.read_arrays(str(path))
        given = {names[0]: next(iter(arrays.values()))} if len(names) == len(arrays) == 1 else arrays
        sources.check_names(given, names)
    else:
        raise FileError(f"{path}: inputs come from .npy, .npz or .csv files")
    read = Raw(given, {}, place=place)
    return {name: checked_input(read, name, bind(read, model)) for name in names}


def bind(data: Raw, model: Model) -> Model:
    """The model with its inputs' shapes filled in from the data."""
    shapes = []
    for name, declared in model.inputs.items():
        array = data.inputs[name]
        have = array.shape[1:]
        if array.ndim == 0 or not len(array):
            raise DataError(f"the input {name!r} has no rows")
        if declared.shape is None and array.ndim == 1:
            raise ShapeError(f"one number per row: give x.reshape(-1, 1), got shape {list(array.shape)}", (name,))
        if len(have) <= 1 and declared.shape is not None and len(declared.shape) != len(have):
            try:  # a flat row may be folded
                shapes.append(fit_input(declared.shape, have[0] if have else 1, f"the input {name!r}"))
            except SpecError as error:
                raise ShapeError(error.reason) from None
        else:
            shapes.append(have)
    return model.with_inputs(*shapes)


def checked_input(data: Raw, name: str, model: Model) -> Array:
    """One input in its shape and kind: floats stay as they are, ids become int32."""
    declared, array = model.inputs[name], data.inputs[name]
    columns = (data.columns or {}).get(name)
    kind = array.dtype.kind if str(array.dtype) != "bfloat16" else "f"
    wanted = {"float": "iubf", "int32": "iu", "bool": "b"}[declared.dtype]
    whole = declared.dtype == "int32" and kind == "f" and bool(np.all(np.mod(array, 1) == 0))
    if kind not in wanted and not whole:
        what = {"float": "numbers", "int32": "integers", "bool": "booleans"}[declared.dtype]
        raise DataError(f"the input {name!r} takes {what}, got dtype {array.dtype}")
    check_finite(array, f"input {name!r}", data.place, columns)
    try:
        array = array.reshape(len(array), *declared.shape)
    except ValueError:
        raise ShapeError(f"the input has shape {list(declared.shape)}, got {list(array.shape[1:])}", (name,)) from None
    if declared.dtype == "int32":
        limits = np.iinfo(np.int32)
        if array.min() < limits.min or array.max() > limits.max:
            raise DataError(f"the input {name!r} holds integers out of the range of int32")
        return array.astype(np.int32)
    return array
