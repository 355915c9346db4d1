"""Elements chosen by slices and by ids, and where ids come from."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnspec
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import expanded, shaped, squeezed
from nnspec_tensorflow.porting.operations.joining import joined
from nnspec_tensorflow.porting.operations.logic import spec_dtype
from nnspec_tensorflow.porting.operations.operand import (
    FIXED,
    Operand,
    array,
    is_batch,
    is_fixed,
    is_variable,
    number,
    refusal,
)
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, owning, read
from nnspec_tensorflow.porting.tracked import View, per_example
from nnspec_tensorflow.startup import keras

_NP, _NN, _CORE = keras.src.ops.numpy, keras.src.ops.nn, keras.src.ops.core


@operation(_NP.GetItem)
def get_item(op: Any, context: Context, x: Any, key: Any) -> Value:
    """What stands in brackets, axis by axis."""
    keys = list(key) if isinstance(key, list | tuple) else [key]
    operand = read(context, x)
    value, axis = operand.value, 0
    named = sum(k is not None and k is not Ellipsis for k in keys)
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    for i, k in enumerate(keys):
        if k is Ellipsis:
            axis += read(context, value).rank - axis - sum(k is not None for k in keys[i + 1 :])
        elif k is None:
            value, axis = expanded(context, value, axis, part=f"axis_{axis}"), axis + 1
        elif isinstance(k, slice):
            value, axis = _sliced(context, value, axis, k), axis + 1
        elif number(k) is not None:
            place = int(number(k))  # type: ignore[arg-type]
            value = _sliced(context, value, axis, slice(place, place + 1 or None))
            value = squeezed(context, value, axis, part=f"axis_{axis}")
        elif is_fixed(k) and array(k).ndim == 1 and array(k).dtype.kind in "iu":
            value, axis = chosen(context, read(context, value), array(k), axis, part=f"axis_{axis}"), axis + 1
        else:
            raise refusal(context, f"an index that is computed, in the place of axis {axis}", "use ops.take")
    if named > operand.rank:
        raise refusal(context, f"{named} indices for {operand.rank} axes")
    return value


def _sliced(context: Context, x: Value, axis: int, k: slice) -> Value:
    """A slice along one axis; none where it is the whole axis."""
    start, stop, step = (None if bound is None else number(bound) for bound in (k.start, k.stop, k.step))
    if any(bound is not None and found is None for bound, found in zip((k.start, k.stop), (start, stop), strict=True)):
        raise refusal(context, "a slice whose ends are computed", "use ends that are known")
    operand = read(context, x)
    if start in (None, 0) and stop is None and step in (None, 1):
        return x
    place = operand.place(axis)
    size = operand.spec[place]
    if size is not None and slice(start, stop, step).indices(size) == (0, size, 1):
        return x
    layer = nnspec.Slice(_whole(start), _whole(stop), 1 if step is None else int(step), place)
    return done(context, layer, x, view=operand.view, part=f"slice_{axis}")


def _whole(bound: Any) -> int | None:
    return None if bound is None else int(bound)


@operation(_CORE.Slice)
def slice_(op: Any, context: Context, inputs: Any, start_indices: Any) -> Value:
    operand = read(context, inputs)
    starts = _starts(context, start_indices, operand)
    value = operand.value
    for axis, (start, size) in enumerate(zip(starts, per_example(op.shape), strict=True)):
        if axis == operand.view.axis and start == 0 and size in (None, -1):
            continue
        whole = size in (None, -1)
        value = _sliced(context, value, axis, slice(start, None if whole else start + int(size)))
    return value


def _starts(context: Context, given: Any, operand: Operand) -> list[int]:
    """Where a slice starts along each axis."""
    found = [number(x) for x in (given if isinstance(given, list | tuple) else array(given))] if _known(given) else []
    if len(found) != operand.rank or None in found:
        raise refusal(context, "a slice that starts where it is computed", "use starts that are known")
    return [int(x) for x in found]  # type: ignore[arg-type]


def _known(given: Any) -> bool:
    return all(map(is_fixed, given)) if isinstance(given, list | tuple) else is_fixed(given)


@operation(_CORE.SliceUpdate)
def slice_update(op: Any, context: Context, inputs: Any, start_indices: Any, updates: Any) -> Value:
    """A slice replaced, along one axis, by joining what is before, the update, and what is after."""
    operand, new = read(context, inputs), read(context, updates)
    if operand.view.axis is None and new.view.axis is not None:
        raise refusal(context, "a batch written into a tensor without one", "broadcast the tensor before")
    starts = _starts(context, start_indices, operand)
    parts = [axis for axis, (n, m) in enumerate(zip(operand.shape, new.shape, strict=True)) if n != m]
    if not parts:
        return cast(context, new.value, operand.dtype)
    if len(parts) > 1 or None in operand.rest:
        raise refusal(context, "an update that is smaller along several axes", "concatenate what is around it")
    (axis,) = parts
    start, stop = starts[axis], starts[axis] + (new.shape[axis] or 0)
    around = [slice(0, start), slice(stop, operand.shape[axis])]
    before, after = ([_sliced(context, operand.value, axis, part)] if part.start < part.stop else [] for part in around)
    return joined(context, [*before, cast(context, new.value, operand.dtype, "update"), *after], axis)


# -- ids --------------------------------------------------------------------------------------------------------------


@operation(_NP.Take)
def take(op: Any, context: Context, x: Any, indices: Any) -> Value:
    axis = op.axis
    if axis is None:
        raise refusal(context, "elements counted through all axes", "give it an axis")
    if is_fixed(indices) and not is_batch(indices):
        return chosen(context, read(context, x), array(indices), axis)
    ids = read(context, indices)
    if ids.dtype != "int32":
        raise refusal(context, "ids that are no whole numbers", "cast them to int32")
    if is_variable(x) and len(x.shape) == 2 and axis in (0, -2) and x.trainable:
        table = nnspec.Embedding(*map(int, x.shape))
        otherwise = nnspec.Take(axis=1), lambda value: (value, ids.value)
        return owning(context, table, "embedding", x, ids.value, otherwise, view=_in_place(context, ids, 0, 1))
    operand = read(context, x)
    if operand.view.axis is not None:
        raise refusal(
            context,
            "elements of each example by ids of each, which Keras takes of all examples for all",
            "use ops.take_along_axis",
        )
    place = operand.place(axis)
    layer = nnspec.Take(axis=place)
    return done(context, layer, operand.value, ids.value, view=_in_place(context, ids, place - 1, place))


def _in_place(context: Context, ids: Operand, axis: int, place: int) -> View:
    """How a tensor lies in which ids stand in the place of an axis of one without a batch."""
    if ids.view.axis is None:
        return FIXED
    if ids.view.factor > 1 and place != 1:
        raise refusal(context, "ids of what was joined with the batch", "take them before")
    return View(axis + ids.view.axis, ids.view.factor)


def chosen(context: Context, operand: Operand, indices: Any, axis: int, *, part: str | None = None) -> Value:
    """The elements that have given ids."""
    place, given = operand.place(axis), np.asarray(indices)
    flat = tuple(int(i) for i in given.reshape(-1))
    last = part if given.ndim == 1 else "elements" if part is None else f"{part}_elements"
    value = done(context, nnspec.Take(flat, place), operand.value, view=operand.view, part=last)
    if given.ndim == 1:
        return value
    found, axis = read(context, value), operand.axis(axis)
    if given.ndim == 0:
        return squeezed(context, value, axis, part=part)
    shape: list[int | None] = [*found.shape[:axis], *given.shape, *found.shape[axis + 1 :]]
    return shaped(context, value, shape, part=part)


@operation(_NP.TakeAlongAxis)
def take_along_axis(op: Any, context: Context, x: Any, indices: Any) -> Value:
    operand, ids = read(context, x), read(context, indices)
    if op.axis is None or operand.view != ids.view:
        raise refusal(context, "elements along no axis of its own, or with ids that are not those of each example")
    place = operand.place(op.axis)
    value, chosen_by = (_broadcast(context, given, other, place) for given, other in ((operand, ids), (ids, operand)))
    return done(context, nnspec.TakeAlongAxis(place), value, chosen_by, view=operand.view)


def _broadcast(context: Context, x: Operand, other: Operand, place: int) -> Value:
    """A value whose axes of size 1 are as long as another's, but for one axis."""
    pairs = enumerate(zip(x.spec, other.spec, strict=True))
    wide = tuple(m if i != place and n == 1 else n for i, (n, m) in pairs)[1:]
    if x.spec[1:] == wide or None in wide:
        return x.value
    return done(context, nnspec.BroadcastTo(wide), x.value, view=x.view, part="broadcast_to")  # type: ignore[arg-type]


@operation(_NN.OneHot, _NN.MultiHot)
def one_hot(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    if getattr(op, "sparse", False):
        raise refusal(context, "a sparse result", "leave sparse out")
    several = isinstance(op, _NN.MultiHot)
    axis = operand.rank if several or op.axis == -1 else op.axis
    if not several and op.axis < -1:
        axis = op.axis + operand.rank + 1
    given = cast(context, operand.value, "int32", "int")
    batch = operand.view.axis
    place = axis + 1 if batch is None else axis + operand.lead - (axis > batch)
    view = operand.view if batch is None else View(batch + (axis <= batch), operand.view.factor)
    dtype = "float" if op.dtype is None else spec_dtype(context, op.dtype)
    if not several:
        part = None if dtype == "float" else "one_hot"
        value = done(context, nnspec.OneHot(int(op.num_classes), place), given, view=view, part=part)
        return cast(context, value, dtype)
    if op.axis not in (-1, operand.rank - 1) or operand.rank < 2:
        raise refusal(context, f"classes of several ids along the axis {op.axis}", "use the last axis")
    each = done(context, nnspec.OneHot(int(op.num_classes), place), given, view=view, part="one_hot")
    value = done(context, nnspec.Max(place - 1), each, view=operand.view, part=None if dtype == "float" else "max")
    return cast(context, value, dtype)
