"""Targets in the shape and type that a loss compares outputs with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnspec.errors import DataError, ShapeError
from nnspec.losses.base import ignored_label
from nnspec.vocabulary import tag_of

Array = NDArray[Any]
Place = Callable[[int], str]
# How the targets of two classes are taken as the other ones, by the loss's binary_targets.
_OTHER_SIDES: dict[bool | None, str] = {
    False: ": for 0 and 1 set binary_targets: true",
    True: ": for -1 and 1 set binary_targets: false",
}


def encode(
    targets: Array, classes: tuple[Any, ...] | None, place: Place, ignored: int | None = None
) -> tuple[Array, tuple[Any, ...]]:
    """Texts or numbers of classes as ids: the places of their values in ``classes``, or in their sorted order.

    Args:
        ignored: the label of targets that the loss ignores, which stay as they are.

    Raises:
        DataError: a value that is not in ``classes``, with its row; a class whose id would be ignored.
    """
    if classes is None:
        classes = _classes(targets, ignored)
    known = {value: i for i, value in enumerate(classes)}
    if ignored is not None:
        known[_written(ignored, targets)] = ignored
    ids = np.empty(targets.shape, np.int32)
    for index, value in np.ndenumerate(targets):
        found = known.get(_plain(value))
        if found is None:
            raise DataError(f"{place(index[0])}: the class {_plain(value)!r} does not occur in the training data")
        ids[index] = found
    return ids, classes


def _classes(targets: Array, ignored: int | None) -> tuple[Any, ...]:
    """The values of the classes in their order, without that of the label that is ignored.

    A label that is itself the id of a class that is written so stays among them, lest its id be another's.
    """
    values = tuple(_plain(v) for v in np.unique(targets))
    label = None if ignored is None else _written(ignored, targets)
    if ignored is None or label not in values:
        return values
    others = tuple(value for value in values if value != label)
    if not 0 <= ignored < len(others):
        return others
    if values[ignored] != label:
        raise DataError(
            f"the label {ignored}, which is ignored, is the id of the class {others[ignored]!r} too: write what is to "
            "be ignored as a number that is no id, such as -1"
        )
    return values


def _written(label: int, targets: Array) -> Any:
    """A label as it stands among targets: as a text among texts."""
    return str(label) if targets.dtype.kind == "U" else label


def _plain(value: Any) -> Any:
    """A class as it is shown: 3 for 3.0."""
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


def fit(targets: Array, *, loss: Any, output: tuple[int, ...], one_hot: bool, dtype: Any, place: Place) -> NDArray[Any]:
    """Targets (n, ...) for outputs of shape (n, *output).

    For losses of labels: class ids int32 (n, *output[:-1]), or distributions (n, *output). For losses of values:
    (n, *loss.target_shape(output)); class ids become one-hot rows on request, and (n,) goes with outputs (n, 1). For
    losses of groups int32 (n, *loss.target_shape(output)), for those of sequences int32 (n, any).

    Args:
        dtype: of everything that is not a class id.

    Raises:
        DataError: ids out of range, values that are not finite or out of the loss's range, with the row.
        ShapeError: a shape that does not fit, with the remedy.
    """
    classes, positions = output[-1], output[:-1]
    integral = targets.dtype.kind in "iub"
    if loss.targets in ("groups", "sequences"):
        return _as_they_are(targets, loss, output, one_hot, place)
    if one_hot:
        if not integral:
            raise DataError(f"one_hot needs class ids (integers), got targets of dtype {targets.dtype}")
        ids = _ids(_as(targets, positions, "class ids", output), classes, place)
        return np.eye(classes, dtype=dtype)[ids]
    if loss.targets == "labels" and targets.shape[1:] != output:
        if not integral:
            raise DataError(
                f"{tag_of(type(loss))} takes class ids (integers) of shape {_shape(positions)} or distributions of "
                f"shape {_shape(output)}, got {targets.dtype} of shape {_shape(targets.shape[1:])}"
            )
        ids = _as(targets, positions, "class ids", output)
        return _ids(ids, classes, place, ignored_label(loss, np.dtype(np.int32)))
    if targets.dtype.kind not in "iubf" and str(targets.dtype) != "bfloat16":
        raise DataError(f"targets are numbers, got dtype {targets.dtype}")
    values = _as(targets, loss.target_shape(output), "targets", output).astype(np.float64)
    check_finite(values, "target", place)
    _check_range(values, loss, place)
    return cast(values, dtype, "target", place)


def _as_they_are(targets: Array, loss: Any, output: tuple[int, ...], one_hot: bool, place: Place) -> NDArray[np.int32]:
    """Ids of groups, or rows of class ids."""
    name, what = tag_of(type(loss)), f"ids of {loss.targets}"
    if one_hot:
        raise DataError(f"{name} takes {what} as they are: leave one_hot out")
    if targets.dtype.kind not in "iu":
        raise DataError(f"{name} takes {what} (integers), got targets of dtype {targets.dtype}")
    limits = np.iinfo(np.int32)
    if targets.size and (targets.min() < limits.min or targets.max() > limits.max):
        raise DataError(f"{what} have 32 bits, got {targets.min()} to {targets.max()}")
    if loss.targets == "groups":
        return _as(targets, loss.target_shape(output), what, output).astype(np.int32)
    if targets.ndim != 2:
        raise ShapeError(f"{name} takes a row of class ids for each example, got targets {_shape(targets.shape[1:])}")
    _ids(loss.class_ids(targets), output[-1], place)
    return targets.astype(np.int32)


def _ids(targets: Array, classes: int, place: Place, ignored: int | None = None) -> NDArray[np.int32]:
    wrong = (targets < 0) | (targets >= classes)
    if ignored is not None:
        wrong &= targets != ignored
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"{place(index[0])}: the class id {targets[index]} is out of range: the model has {classes} outputs, for "
            f"ids 0 to {classes - 1}"
        )
    return targets.astype(np.int32)


def _as(targets: Array, wanted: tuple[int, ...], what: str, output: tuple[int, ...]) -> Array:
    """``targets`` in the shape (n, *wanted), where they differ in axes of size 1 only."""
    have = targets.shape[1:]
    if have == wanted:
        return targets
    if [s for s in have if s != 1] == [s for s in wanted if s != 1]:
        return targets.reshape(len(targets), *wanted)
    remedy = ""
    if have == () and len(output) == 1 and what == "targets":
        remedy = ": for class ids set one_hot: true, for one value per example end the model with one output"
    fitting = f"outputs of shape {_shape(output)}, which take {_shape(wanted)}"
    raise ShapeError(f"{what} of shape {_shape(have)} do not fit {fitting}{remedy}")


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['batch', *map(str, shape)])})"


def _check_range(values: NDArray[np.float64], loss: Any, place: Place) -> None:
    (low, high), choices = loss.target_bounds(), loss.choices()
    wrong = (values < low) | (values > high) if choices is None else ~np.isin(values, choices)
    label = ignored_label(loss, values.dtype)
    if label is not None:
        wrong &= values != label
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        if choices is not None:
            wanted = " or ".join(f"{value:g}" for value in choices)
        else:
            wanted = f"between {low:g} and {high:g}" if np.isfinite(high) else f"at least {low:g}"
        got = f"{values[index]:g}{_OTHER_SIDES.get(getattr(loss, 'binary_targets', None), '')}"
        raise DataError(f"{place(index[0])}: {tag_of(type(loss))} takes targets {wanted}, got {got}")


def check_finite(values: Array, what: str, place: Place, columns: tuple[str, ...] | None = None) -> None:
    """Refuse NaN and infinities, naming the first one's row and column."""
    finite = np.isfinite(values)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(f"{_where(index, what, place, columns)} is {float(values[index])}: values must be finite")


def cast(values: Array, dtype: Any, what: str, place: Place, columns: tuple[str, ...] | None = None) -> Array:
    """Values in another dtype; those out of its range are refused."""
    with np.errstate(over="ignore"):
        made = values.astype(dtype)
    if np.dtype(dtype).kind != "i":
        lost = ~np.isfinite(made)
        if lost.any():
            index = tuple(int(i) for i in np.argwhere(lost)[0])
            where = _where(index, what, place, columns)
            raise DataError(f"{where} is {float(values[index]):g}, out of the range of {np.dtype(dtype)}")
    return made


def _where(index: tuple[int, ...], what: str, place: Place, columns: tuple[str, ...] | None) -> str:
    """``row 3, column 'age'``: where a value stands."""
    row, *rest = index
    if columns is not None and len(rest) == 1:
        return f"{place(row)}, column {columns[rest[0]]!r}: the {what}"
    column = f", column {rest[0]}" if len(rest) == 1 else f", position {tuple(rest)}" if rest else ""
    return f"{place(row)}{column}: the {what}"
