"""Sums, means, extremes and norms along axes, running ones, and orders."""

from __future__ import annotations

import math
from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.elementwise import unary, unary_test
from nnspec_tensorflow.porting.operations.operand import Operand, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, read
from nnspec_tensorflow.porting.tracked import View
from nnspec_tensorflow.startup import keras

_NP, _MATH, _NN, _LINALG = keras.src.ops.numpy, keras.src.ops.math, keras.src.ops.nn, keras.src.ops.linalg

# Their class in the spec, and whether whole numbers stay whole.
_REDUCTIONS: dict[Any, tuple[Any, bool]] = {
    _NP.Amax: (nnspec.Max, True),
    _NP.Amin: (nnspec.Min, True),
    _NP.Max: (nnspec.Max, True),
    _NP.Mean: (nnspec.Mean, False),
    _NP.Min: (nnspec.Min, True),
    _NP.Prod: (nnspec.Prod, True),
    _NP.Std: (nnspec.Std, False),
    _NP.Sum: (nnspec.Sum, True),
    _NP.Var: (nnspec.Var, False),
    _MATH.Logsumexp: (nnspec.LogSumExp, False),
}
_CUMULATIVE = {_NP.Cumsum: nnspec.CumulativeSum, _NP.Cumprod: nnspec.CumulativeProd}


def left(operand: Operand, axes: tuple[int, ...], keepdims: bool) -> View:
    """How a tensor lies whose axes, the value's, have been reduced."""
    view = operand.view
    if keepdims or view.axis is None:
        return view
    gone = sum(operand.place(axis) in axes for axis in range(view.axis))
    return View(view.axis - gone, view.factor)


def reduced(
    context: Context, layer: Any, x: Any, axis: Any, keepdims: bool, *, part: str | None = None, **options: Any
) -> Value:
    """A reduction of floats along axes of a tensor."""
    operand = read(context, x)
    axes = operand.places(_axes(axis))
    given = cast(context, operand.value, "float", "float")
    if not axes:
        return given
    spec = layer(axis=axes if len(axes) > 1 else axes[0], keepdims=bool(keepdims), **options)
    return done(context, spec, given, view=left(operand, axes, keepdims), part=part)


def _axes(axis: Any) -> Any:
    """Axes as Keras's operations hold them: one, several, or [None] for all."""
    if isinstance(axis, list | tuple):
        return None if list(axis) == [None] else tuple(int(a) for a in axis)
    return axis


@operation(*_REDUCTIONS)
def reduction(op: Any, context: Context, x: Any) -> Value:
    layer, whole = _REDUCTIONS[type(op)]
    if getattr(op, "initial", None) is not None:
        raise refusal(context, "an initial value", "take the maximum or minimum with it afterwards")
    dtype = read(context, x).dtype if whole else "float"
    if dtype == "bool" and layer in (nnspec.Sum, nnspec.Prod):
        dtype = "int32"
    value = reduced(context, layer, x, op.axis, op.keepdims, part=None if dtype == "float" else "value")
    return cast(context, value, dtype)


@operation(_NP.Average)
def average(op: Any, context: Context, x: Any, weights: Any = None) -> Value:
    if weights is not None:
        raise refusal(context, "weights", "multiply by them, sum, and divide by their sum")
    return reduced(context, nnspec.Mean, x, op.axis, False)


@operation(_NP.All, _NP.Any)
def all_or_any(op: Any, context: Context, x: Any) -> Value:
    layer = nnspec.Min if isinstance(op, _NP.All) else nnspec.Max
    operand = read(context, x)
    true = cast(context, operand.value, "bool", "bool")
    return cast(context, reduced(context, layer, true, op.axis, op.keepdims, part="value"), "bool")


@operation(_NP.CountNonzero)
def count_nonzero(op: Any, context: Context, x: Any) -> Value:
    there = unary_test(context, nnspec.NotEqual(0.0), x, part="nonzero")
    return cast(context, reduced(context, nnspec.Sum, there, op.axis, False, part="count"), "int32")


@operation(_NN.Moments)
def moments(op: Any, context: Context, x: Any) -> tuple[Value, Value]:
    mean = reduced(context, nnspec.Mean, x, op.axes, op.keepdims, part="mean")
    return mean, reduced(context, nnspec.Var, x, op.axes, op.keepdims, part="variance")


@operation(_LINALG.Norm)
def norm(op: Any, context: Context, x: Any) -> Value:
    count = len(op.axis) if op.axis is not None else read(context, x).rank
    order = op.ord
    if order in (None, "fro") or (count == 1 and order == 2):
        order = 2.0
    elif count != 1 or isinstance(order, str) or not order >= 1:
        raise refusal(context, f"a norm of the order {op.ord} along {count} axes")
    order = "inf" if order == math.inf else float(order)
    return reduced(context, nnspec.VectorNorm, x, op.axis, op.keepdims, ord=order)


@operation(_NN.Normalize)
def normalize(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    epsilon = keras.config.epsilon() if op.epsilon is None else op.epsilon
    if op.order != 2:
        lengths = reduced(context, nnspec.VectorNorm, x, op.axis, True, ord=float(op.order), part="norm")
        lengths = unary(context, nnspec.Clamp(lower=float(epsilon)), lengths, part="at_least")
        return done(context, nnspec.Divide(), operand.value, lengths, view=operand.view)
    axes = operand.places(_axes(op.axis))
    return done(context, nnspec.UnitNorm(axes, float(epsilon)), operand.value, view=operand.view)


@operation(_NP.Argmax, _NP.Argmin)
def argument(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    if op.axis is None and operand.rank > 1:
        raise refusal(context, "the place among all elements, those of other examples included", "give it an axis")
    axis = operand.place(op.axis if op.axis is not None else 0)
    layer: Any = nnspec.ArgMax if isinstance(op, _NP.Argmax) else nnspec.ArgMin
    given = cast(context, operand.value, "int32", "int") if operand.dtype == "bool" else operand.value
    return done(context, layer(axis, bool(op.keepdims)), given, view=left(operand, (axis,), op.keepdims))


@operation(*_CUMULATIVE)
def cumulative(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    if op.axis is None:
        raise refusal(context, "a running sum or product of all elements", "give it an axis")
    layer: Layer = _CUMULATIVE[type(op)](operand.place(op.axis))
    return unary(context, layer, x, whole=True)


@operation(_NP.Sort, _NP.Argsort)
def sort(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, x)
    layer: Any = nnspec.Sort if isinstance(op, _NP.Sort) else nnspec.ArgSort
    if op.axis is None:
        raise refusal(context, "an order of all elements", "give it an axis")
    return done(context, layer(operand.place(op.axis)), operand.value, view=operand.view)


@operation(_MATH.TopK)
def top_k(op: Any, context: Context, x: Any) -> tuple[Value, Value]:
    operand, k = read(context, x), number(op.k)
    if k is None:
        raise refusal(context, "a number of elements that is computed")
    axis = operand.place(-1)
    values = done(context, nnspec.TopK(int(k), axis), operand.value, view=operand.view, part="values")
    indices = nnspec.TopK(int(k), axis, output="indices")
    return values, done(context, indices, operand.value, view=operand.view, part="indices")
