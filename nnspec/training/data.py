"""Data for training: read, checked, split, standardized, and fitted to a model and its loss."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, ShapeError, SpecError
from nnspec.losses.base import ignored_label
from nnspec.model import Model
from nnspec.random import permutation
from nnspec.source import Data
from nnspec.training import raw as sources, targets as fitted
from nnspec.training.inputs import (
    Standardization as Standardization,
    bind,
    checked_input,
    read_inputs as read_inputs,
    standardize as standardize,
)
from nnspec.training.raw import Raw
from nnspec.vocabulary import tag_of

Array = NDArray[Any]
_DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
}


@dataclass(frozen=True)
class Dataset:
    """Data ready for an engine.

    Attributes:
        splits: "train" and, if there are validation rows, "validation": inputs by name in the net's dtype (or int32,
            bool), ``targets`` (class ids int32, else float32 or float64) and, if there are, ``weights``.
        classes: what the class ids stand for; None for values.
        feature_names: the columns' names, those of all inputs one after the other; None where they have none.
        standardization: by input name; empty if nothing was standardized.
    """

    splits: dict[str, dict[str, Array]]
    classes: tuple[Any, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    standardization: dict[str, Standardization] = field(default_factory=dict)


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
    names = list(model.inputs)
    ids = loss.targets != "values" or data.one_hot
    if data.sklearn is not None:
        if len(names) != 1:
            raise DataError(f"{data.sklearn} has one input, the model has {len(names)}: {', '.join(names)}")
        train, validation = sources.from_sklearn(data.sklearn, names), None
    elif data.csv is not None:
        files = [data.csv, *([data.validation] if data.validation else [])]
        train, *others = [sources.from_csv(path, data, names, ids=ids) for path in files]
        validation = others[0] if others else None
    else:
        files = [str(data.npz), *([data.validation] if data.validation else [])]
        train, *others = [sources.from_npz(path, data, names) for path in files]
        validation = others[0] if others else None
    return _prepare(
        train,
        validation,
        model=model,
        loss=loss,
        seed=seed,
        dtype=dtype,
        split=data.validation_split,
        standardized=data.standardize,
        one_hot=data.one_hot,
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
    one_hot: bool = False,
) -> Dataset:
    """Arrays in memory: ``(x, y)``, ``(x, y, weights)``, or a mapping of input names with "targets" and "weights".

    Args:
        validation: the validation rows in the same form; or ``validation_split``, the share of rows to keep for it.

    Raises:
        DataError, ShapeError: as :func:`load`.
    """
    if validation is not None and validation_split:
        raise DataError("give validation or validation_split, not both")
    if not 0 <= validation_split < 1:
        raise DataError(f"validation_split is a share of the rows, at least 0 and below 1, got {validation_split}")
    names = list(model.inputs)
    return _prepare(
        sources.from_memory(data, names),
        None if validation is None else sources.from_memory(validation, names),
        model=model,
        loss=loss,
        seed=seed,
        dtype=dtype,
        split=validation_split,
        standardized=standardize,
        one_hot=one_hot,
    )


# -- the steps --------------------------------------------------------------------------------------------------------


def _prepare(
    train: Raw,
    validation: Raw | None,
    *,
    model: Model,
    loss: Any,
    seed: int,
    dtype: str,
    split: float,
    standardized: bool,
    one_hot: bool,
) -> Dataset:
    model = bind(train, model)
    output = _output(model)
    ids = loss.targets != "values" or one_hot
    # Ids of groups are any; those of classes stand for outputs.
    classes_at_most = output[-1] if loss.targets == "labels" or one_hot else None
    ignored = None if one_hot else ignored_label(loss, np.dtype(np.int32 if ids else np.float64))
    train, validation, classes = _encode(train, validation, ids=ids, outputs=classes_at_most, ignored=ignored)
    splits, places = {}, {}
    for name, part in (("train", train), ("validation", validation)):
        if part is None:
            continue
        _check_lengths(part, name)
        rows = {key: checked_input(part, key, model) for key in model.inputs}
        rows["targets"] = fitted.fit(
            part.targets, loss=loss, output=output, one_hot=one_hot, dtype=_wide(dtype), place=part.place
        )
        if part.weights is not None:
            rows["weights"] = _weights(part, output, loss, dtype)
        splits[name], places[name] = rows, part.place
    if split:
        chosen = split_rows(len(splits["train"]["targets"]), split, seed)
        whole = splits["train"]
        splits = {name: {key: array[rows] for key, array in whole.items()} for name, rows in chosen.items()}
        places = {name: _placed(train.place, rows) for name, rows in chosen.items()}
    floats = [name for name, declared in model.inputs.items() if declared.dtype == "float"]
    learned = {name: Standardization.of(splits["train"][name]) for name in floats} if standardized else {}
    columns = train.columns or {}
    for part_name, rows in splits.items():
        for name in floats:
            values = standardize(rows[name], learned[name]) if name in learned else rows[name]
            rows[name] = fitted.cast(values, _DTYPES[dtype], f"input {name!r}", places[part_name], columns.get(name))
    if classes is None and classes_at_most is not None and train.targets.dtype.kind in "iub":
        classes = tuple(range(classes_at_most))
    names = [column for name in model.inputs for column in columns.get(name, ())]
    return Dataset(splits, classes, tuple(names) or None, learned)


def _placed(place: Callable[[int], str], rows: NDArray[np.int32]) -> Callable[[int], str]:
    """What messages call the rows of a split: by their places in the whole."""
    return lambda i: place(int(rows[i]))


def _output(model: Model) -> tuple[int, ...]:
    """The shape of one example's output."""
    if len(model.outputs) != 1:
        raise SpecError(f"training takes a model with one output for now, got {', '.join(model.outputs)}")
    (shape,) = model.output_shapes().values()
    sizes = tuple(size for size in shape[1:] if size is not None)
    if len(sizes) != len(shape) - 1 or not sizes:
        raise ShapeError(f"the model's output has the shape {list(shape[1:])}, whose sizes are not all known")
    return sizes


def _encode(
    train: Raw, validation: Raw | None, *, ids: bool, outputs: int | None, ignored: int | None
) -> tuple[Raw, Raw | None, tuple[Any, ...] | None]:
    """Names of classes become ids, the validation's by the training's classes; what is ignored is no class."""
    if not train.labels:
        return train, validation, train.classes
    made, classes = fitted.encode(train.targets, None, train.place, ignored)
    if not ids and len(classes) != 2:
        raise DataError(f"the targets are {len(classes)} classes ({_listed(classes)}): for classes set one_hot: true")
    if outputs is not None and len(classes) > outputs:
        raise DataError(f"the target has {len(classes)} classes ({_listed(classes)}), the model has {outputs} outputs")
    train = dataclasses.replace(train, targets=made)
    if validation is not None:
        known = None if ids and outputs is None else classes  # groups are those of their own batch
        other, _ = fitted.encode(validation.targets, known, validation.place, ignored)
        validation = dataclasses.replace(validation, targets=other)
    return train, validation, classes


def _listed(classes: tuple[Any, ...]) -> str:
    return ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")


def _check_lengths(data: Raw, split: str) -> None:
    lengths = {name: len(x) for name, x in data.inputs.items()}
    for name, array in (("targets", data.targets), ("weights", data.weights)):
        if array is not None:
            lengths[name] = len(array) if array.ndim else 0
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"arrays of the {split} data have different lengths: {shown}")
    if not next(iter(lengths.values())):
        raise DataError(f"the {split} data is empty")


def _weights(data: Raw, output: tuple[int, ...], loss: Any, dtype: str) -> Array:
    """Sample weights: finite, not negative, not all 0, one per example or per position."""
    weights = data.weights
    assert weights is not None
    if weights.dtype.kind not in "iubf":
        raise DataError(f"weights are numbers, got dtype {weights.dtype}")
    fitted.check_finite(weights, "weight", data.place)
    positions = loss.positions((None, *output))[1:]
    if weights.shape[1:] != positions[: weights.ndim - 1]:
        shape = list(weights.shape[1:])
        raise ShapeError(
            f"weights weigh an example or a position of the outputs {list(output)}, got shape {shape} per row: the "
            f"positions of {tag_of(type(loss))} are {list(positions)}"
        )
    if (weights < 0).any():
        row = int(np.argwhere(weights < 0)[0][0])
        raise DataError(f"{data.place(row)}: weights are at least 0, got {weights[row]}")
    if not weights.any():
        raise DataError("all weights are 0")
    return fitted.cast(weights, _wide(dtype), "weight", data.place)


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


def _wide(dtype: str) -> Any:
    """The dtype of targets and weights: losses are computed in float32 at least."""
    return np.float64 if dtype == "float64" else np.float32
