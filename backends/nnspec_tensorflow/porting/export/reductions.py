"""Reductions along axes."""

from __future__ import annotations

import math
from typing import Any

from nnspec import reductions as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

_OPS: dict[type[Any], str] = {
    specs.LogSumExp: "logsumexp",
    specs.Max: "max",
    specs.Mean: "mean",
    specs.Min: "min",
    specs.Prod: "prod",
    specs.Sum: "sum",
}


def _along(spec: Any, context: Context) -> dict[str, Any]:
    return {"axis": list(spec.axes(context.shapes[0])), "keepdims": spec.keepdims}


def reduction(spec: Any, context: Context, x: Tensor) -> Tensor:
    return getattr(keras.ops, _OPS[type(spec)])(x, **_along(spec, context))


for kind in _OPS:
    native.register(kind, reduction)


@native.register(specs.Std)
@native.register(specs.Var)
def moment(spec: specs.Std | specs.Var, context: Context, x: Tensor) -> Tensor:
    ops, along = keras.ops, _along(spec, context)
    if not spec.correction:
        return (ops.std if isinstance(spec, specs.Std) else ops.var)(x, **along)
    sizes = [context.shapes[0][axis] for axis in along["axis"]]
    if None in sizes:
        context.refuse(spec, f"correction={spec.correction:g} along an axis of any length", "declare its size")
    count = math.prod(size or 0 for size in sizes)
    var = ops.multiply(ops.var(x, **along), count / (count - spec.correction))
    return ops.sqrt(var) if isinstance(spec, specs.Std) else var


@native.register
def vector_norm(spec: specs.VectorNorm, context: Context, x: Tensor) -> Tensor:
    ops, along = keras.ops, _along(spec, context)
    if spec.ord == "inf":
        return ops.max(ops.abs(x), **along)
    if spec.ord == 1:
        return ops.sum(ops.abs(x), **along)
    if spec.ord == 2:
        return ops.sqrt(ops.sum(ops.square(x), **along))
    return ops.power(ops.sum(ops.power(ops.abs(x), spec.ord), **along), 1 / spec.ord)
