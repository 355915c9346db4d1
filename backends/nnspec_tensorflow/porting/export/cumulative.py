"""Running sums, products and extremes along an axis."""

from __future__ import annotations

from typing import Any

from nnspec import cumulative as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

# What a running reduction starts from.
_EMPTY: dict[type[Any], float] = {
    specs.CumulativeMax: -float("inf"),
    specs.CumulativeMin: float("inf"),
    specs.CumulativeProd: 1.0,
    specs.CumulativeSum: 0.0,
}


def cumulative(spec: Any, context: Context, x: Tensor) -> Tensor:
    ops, axis = keras.ops, spec.place(context.shapes[0])
    if spec.reverse:
        x = ops.flip(x, axis=axis)
    if spec.exclusive:
        x = _shifted(x, axis, 1, _EMPTY[type(spec)])
    if isinstance(spec, specs.CumulativeSum):
        y = ops.cumsum(x, axis=axis)
    elif isinstance(spec, specs.CumulativeProd):
        y = ops.cumprod(x, axis=axis)
    else:
        y = _extreme(spec, context, x, axis)
    return ops.flip(y, axis=axis) if spec.reverse else y


for kind in _EMPTY:
    native.register(kind, cumulative)


def _shifted(x: Tensor, axis: int, steps: int, filling: float) -> Tensor:
    """The elements so many places later, with a number before them."""
    front = (slice(None),) * axis
    head = keras.ops.full_like(x[(*front, slice(0, steps))], filling)
    return keras.ops.concatenate([head, x[(*front, slice(0, -steps))]], axis=axis)


def _extreme(spec: Any, context: Context, x: Tensor, axis: int) -> Tensor:
    """Of windows that double: of one element, of two, of four."""
    size = context.shapes[0][axis]
    if size is None:
        context.refuse(spec, "an axis of any length", "declare its size")
    join = keras.ops.maximum if isinstance(spec, specs.CumulativeMax) else keras.ops.minimum
    reach = 1
    while reach < (size or 0):
        x = join(x, _shifted(x, axis, reach, _EMPTY[type(spec)]))
        reach *= 2
    return x
