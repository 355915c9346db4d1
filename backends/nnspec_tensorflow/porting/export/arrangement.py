"""Operations that rearrange, and running sums, products and extremes."""

from __future__ import annotations

from nnspec import arrangement as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras


@native.register
def flip(spec: specs.Flip, context: Context, x: Tensor) -> Tensor:
    for axis in spec.axes(context.shapes[0]):
        x = keras.ops.flip(x, axis=axis)
    return x


@native.register
def roll(spec: specs.Roll, context: Context, x: Tensor) -> Tensor:
    return keras.ops.roll(x, spec.shift, axis=spec.axis)


@native.register
def tile(spec: specs.Tile, context: Context, x: Tensor) -> Tensor:
    return keras.ops.tile(x, (1, *spec.repeats))


@native.register
def broadcast_to(spec: specs.BroadcastTo, context: Context, x: Tensor) -> Tensor:
    sizes = context.shapes[0][1:]
    if None in sizes:
        context.refuse(spec, "an axis of any length", "declare the sizes of the input")
    return keras.ops.tile(x, (1, *(1 if size == new else new for size, new in zip(sizes, spec.shape, strict=True))))


@native.register
def diagonal(spec: specs.Diagonal, context: Context, x: Tensor) -> Tensor:
    return keras.ops.diagonal(x, offset=spec.offset, axis1=-2, axis2=-1)


@native.register
def trace(spec: specs.Trace, context: Context, x: Tensor) -> Tensor:
    return keras.ops.sum(keras.ops.diagonal(x, offset=spec.offset, axis1=-2, axis2=-1), axis=-1)


@native.register(specs.Tril)
@native.register(specs.Triu)
def triangle(spec: specs.Tril | specs.Triu, context: Context, x: Tensor) -> Tensor:
    ops = keras.ops
    cut = ops.tril if isinstance(spec, specs.Tril) else ops.triu
    if x.dtype == "bool":
        return ops.cast(cut(ops.cast(x, "int32"), k=spec.k), "bool")
    return cut(x, k=spec.k)
