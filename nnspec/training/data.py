"""Data for training: read, checked, split, standardized, and fitted to a model and its loss."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, ShapeError
from nnspec.model import Model
from nnspec.objective import Objective
from nnspec.random import permutation
from nnspec.source import Data
from nnspec.training import raw as sources
from nnspec.training.inputs import (
    Standardization as Standardization,
    bind,
    checked_input,
    read_inputs as read_inputs,
    standardize as standardize,
)
from nnspec.training.outputs import Output, sizes
from nnspec.training.raw import Raw
from nnspec.training.targets import cast

Array = NDArray[Any]
_DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
}


# What class ids stand for, of the only output or by output.
Classes = tuple[Any, ...] | dict[str, tuple[Any, ...]] | None


@dataclass(frozen=True)
class Dataset:
    """Data ready for an engine.

    Attributes:
        splits: "train" and, if there are validation rows, "validation": inputs by name in the net's dtype (or int32,
            bool), ``targets`` (class ids int32, else float32 or float64) and, if there are, ``weights``; with losses by
            output ``targets/<output>``, and ``weights`` of all outputs or ``weights/<output>``.
        classes: what the class ids stand for; None for values. With losses by output a mapping of those that have any.
        feature_names: the columns' names, those of all inputs one after the other; None where they have none.
        standardization: by input name; empty if nothing was standardized.
    """

    splits: dict[str, dict[str, Array]]
    classes: Classes = None
    feature_names: tuple[str, ...] | None = None
    standardization: dict[str, Standardization] = field(default_factory=dict)

    def rows(self, split: str) -> int:
        """How many examples a split has."""
        return len(next(iter(self.splits[split].values())))


def load(
    data: Data | None,
    *,
    model: Model,
    loss: Any,
    seed: int,
    dtype: str = "float32",
    base_dir: str | os.PathLike[str] = ".",
) -> Dataset:
    """The data that a spec names.

    Args:
        data: where it comes from and how it is prepared.
        model, loss: what it is fitted to.
        seed: of the permutation that chooses the validation rows.
        dtype: the net's.
        base_dir: where relative paths start.

    Raises:
        FileError: a file is missing or damaged.
        DataError: NaN, missing values, labels out of range, a missing column; row and column are named.
        ShapeError: arrays that do not fit the model.
    """
    if data is None:
        raise DataError(
            "the spec names no data: add data: {sklearn: digits}, {csv: FILE, target: COLUMN} or {npz: FILE}"
        )
    data = data.located(base_dir)
    names, objective = list(model.inputs), Objective.of(loss, {}, model.outputs)
    outputs = {name: objective.losses(name)[0].targets != "values" or data.encodes(name) for name in objective.outputs}
    if data.sklearn is not None:
        if len(names) != 1:
            raise DataError(f"{data.sklearn} has one input, the model has {len(names)}: {', '.join(names)}")
        train, validation = sources.from_sklearn(data.sklearn, names, list(outputs)), None
    elif data.csv is not None:
        files = [data.csv, *([data.validation] if data.validation else [])]
        train, *others = [sources.from_csv(path, data, names, outputs) for path in files]
        validation = others[0] if others else None
    else:
        files = [str(data.npz), *([data.validation] if data.validation else [])]
        train, *others = [sources.from_npz(path, data, names, list(outputs)) for path in files]
        validation = others[0] if others else None
    return _prepare(
        train,
        validation,
        model=model,
        objective=objective,
        seed=seed,
        dtype=dtype,
        split=data.validation_split,
        standardized=data.standardize,
        one_hot=[name for name in outputs if data.encodes(name)],
    )


def from_arrays(
    data: Any,
    *,
    model: Model,
    loss: Any,
    seed: int,
    dtype: str = "float32",
    validation: Any = None,
    validation_split: float = 0.0,
    standardize: bool = False,
    one_hot: bool | Sequence[str] = False,
) -> Dataset:
    """Arrays in memory: ``(x, y)``, ``(x, y, weights)``, or a mapping of input names with "targets" and "weights".

    Where losses are by output, y is a mapping of the outputs' names to arrays, and weights are for all or by output.

    Args:
        validation: the validation rows in the same form; or ``validation_split``, the share of rows to keep for it.
        one_hot: whether class ids become rows of zeros with a one; or the outputs whose ids do.

    Raises:
        DataError, ShapeError: as :func:`load`.
    """
    if validation is not None and validation_split:
        raise DataError("give validation or validation_split, not both")
    if not 0 <= validation_split < 1:
        raise DataError(f"validation_split is a share of the rows, at least 0 and below 1, got {validation_split}")
    names, objective = list(model.inputs), Objective.of(loss, {}, model.outputs)
    outputs = objective.outputs
    return _prepare(
        sources.from_memory(data, names, outputs),
        None if validation is None else sources.from_memory(validation, names, outputs),
        model=model,
        objective=objective,
        seed=seed,
        dtype=dtype,
        split=validation_split,
        standardized=standardize,
        one_hot=(outputs if one_hot else ()) if isinstance(one_hot, bool) else one_hot,
    )


# -- the steps --------------------------------------------------------------------------------------------------------


def _prepare(
    train: Raw,
    validation: Raw | None,
    *,
    model: Model,
    objective: Objective,
    seed: int,
    dtype: str,
    split: float,
    standardized: bool,
    one_hot: Sequence[str],
) -> Dataset:
    model = bind(train, model)
    shapes = model.output_shapes()
    parts = {name: part for name, part in (("train", train), ("validation", validation)) if part is not None}
    splits: dict[str, dict[str, Array]] = {}
    for name, part in parts.items():
        _check_lengths(part, name, objective)
        splits[name] = {key: checked_input(part, key, model) for key in model.inputs}
    places = {name: part.place for name, part in parts.items()}
    found: dict[str, tuple[Any, ...]] = {}
    for output in objective.outputs:
        with _named(output, objective):
            fitting = Output(objective.losses(output), sizes(shapes[output]), output in one_hot, dtype)
            targets, classes = fitting.targets({name: part.targets[output] for name, part in parts.items()}, places)
            for name, part in parts.items():
                splits[name][objective.targets_name(output)] = targets[name]
                for of, weights in part.weights.items():
                    if of in (output, sources.ALL):
                        splits[name][objective.weights_name(of or None)] = fitting.weights(weights, part.place)
            if classes is not None:
                found[output] = classes
    if split:
        chosen = split_rows(len(next(iter(splits["train"].values()))), split, seed)
        whole = splits["train"]
        splits = {name: {key: array[rows] for key, array in whole.items()} for name, rows in chosen.items()}
        places = {name: _placed(train.place, rows) for name, rows in chosen.items()}
    floats = [name for name, declared in model.inputs.items() if declared.dtype == "float"]
    learned = {name: Standardization.of(splits["train"][name]) for name in floats} if standardized else {}
    columns = train.columns or {}
    for part_name, rows in splits.items():
        for name in floats:
            values = standardize(rows[name], learned[name]) if name in learned else rows[name]
            rows[name] = cast(values, _DTYPES[dtype], f"input {name!r}", places[part_name], columns.get(name))
    names = [column for name in model.inputs for column in columns.get(name, ())]
    classes_of: Classes = (found or None) if objective.by_output else found.get(objective.outputs[0])
    return Dataset(splits, classes_of, tuple(names) or None, learned)


def _placed(place: Callable[[int], str], rows: NDArray[np.int32]) -> Callable[[int], str]:
    """What messages call the rows of a split: by their places in the whole."""
    return lambda i: place(int(rows[i]))


@contextmanager
def _named(output: str, objective: Objective) -> Iterator[None]:
    """Where there are several outputs, what is wrong within is told to be that one's."""
    try:
        yield
    except (DataError, ShapeError) as error:
        if not objective.by_output:
            raise
        reason = error.reason if isinstance(error, ShapeError) else str(error)
        raise type(error)(f"the output {output!r}: {reason}") from None


def _check_lengths(data: Raw, split: str, objective: Objective) -> None:
    arrays = {
        **data.inputs,
        **{objective.targets_name(name): target.values for name, target in data.targets.items()},
        **{objective.weights_name(name or None): weights for name, weights in data.weights.items()},
    }
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"arrays of the {split} data have different lengths: {shown}")
    if not next(iter(lengths.values())):
        raise DataError(f"the {split} data is empty")


def split_rows(count: int, share: float, seed: int) -> dict[str, NDArray[np.int32]]:
    """The rows of "train" and "validation": the last round(count · share) of the permuted rows validate.

    Both parts keep the order of the rows.
    """
    held = round(count * share)
    if not 0 < held < count:
        what = "validation" if not held else "training"
        raise DataError(f"validation_split {share} of {count} rows leaves none for {what}")
    order = permutation(seed, "split", 0, count)
    return {"train": np.sort(order[: count - held]), "validation": np.sort(order[count - held :])}
