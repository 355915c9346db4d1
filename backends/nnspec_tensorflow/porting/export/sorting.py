"""Order along an axis. NaN stands where Keras's backend puts it."""

from __future__ import annotations

from nnspec import sorting as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


def _order(x: Tensor, axis: int, descending: bool) -> Tensor:
    """The indices of elements in order; of equal ones the first comes first."""
    return keras.ops.argsort(keras.ops.negative(x) if descending else x, axis=axis)


@native.register(specs.ArgMax)
@native.register(specs.ArgMin)
def extreme(spec: specs.ArgMax | specs.ArgMin, context: Context, x: Tensor) -> Tensor:
    ops, axis = keras.ops, spec.place(context.shapes[0])
    find = ops.argmax if isinstance(spec, specs.ArgMax) else ops.argmin
    size = context.shapes[0][axis]
    if spec.ties == "first":
        return ops.cast(find(x, axis=axis, keepdims=spec.keepdims), "int32")
    if size is None:
        context.refuse(spec, "ties='last' along an axis of any length", "declare its size")
    found = ops.cast(find(ops.flip(x, axis=axis), axis=axis, keepdims=spec.keepdims), "int32")
    return ops.subtract((size or 0) - 1, found)


@native.register
def sort(spec: specs.Sort, context: Context, x: Tensor) -> Tensor:
    axis = spec.place(context.shapes[0])
    return keras.ops.take_along_axis(x, _order(x, axis, spec.descending), axis=axis)


@native.register
def arg_sort(spec: specs.ArgSort, context: Context, x: Tensor) -> Tensor:
    return keras.ops.cast(_order(x, spec.place(context.shapes[0]), spec.descending), "int32")


@native.register
def top_k(spec: specs.TopK, context: Context, x: Tensor) -> Tensor:
    axis = spec.place(context.shapes[0])
    order = _order(x, axis, spec.largest)[(*(slice(None),) * axis, slice(0, spec.k))]
    if spec.output == "indices":
        return keras.ops.cast(order, "int32")
    return keras.ops.take_along_axis(x, order, axis=axis)
