"""Plain forms of means, variances, softmax and smooth activations that models spell out, as the one layer they are.

What leads to no output is left out of the graph, so that the nodes of the plain form vanish where nothing else uses
them. A form that is not found stays as it was written, and computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from math import prod
from typing import Any, ParamSpec, TypeVar

import numpy as np

import nnspec
from nnspec.layers.base import Layer, Shape
from nnspec.ops import Add, Divide, Multiply, Subtract
from nnspec.porting.assembly import Call, Value
from nnspec.reductions import Max, Mean, Sum, _Reduction
from nnspec.reference import model as _layers  # noqa: F401 - registers them
from nnspec.reference.base import apply
from nnspec_jax.porting.convert import Context
from nnspec_jax.porting.primitives.operands import call, dtype, layout

_L = TypeVar("_L", bound=Layer)
_P = ParamSpec("_P")
# What layers without variables are evaluated with.
_NOTHING: Any = None
# Smooth functions of one element: for others equal values would not say that derivatives at kinks are equal, too.
_SMOOTH = (
    *(Add, Divide, Multiply, Subtract, nnspec.Rescaling, nnspec.Square, nnspec.Negative, nnspec.Reciprocal),
    *(nnspec.Exp, nnspec.Log1p, nnspec.Sigmoid, nnspec.Tanh, nnspec.Erf, nnspec.Softplus, nnspec.Power),
)
_KNOWN: tuple[Layer, ...] = (nnspec.Silu(), nnspec.GELU(), nnspec.GELU(approximate=True), nnspec.Mish())
# So many nodes are looked back at.
_FAR = 16
_POINTS = np.concatenate([np.linspace(-9, 9, 61), [-1e-3, 1e-3]])


class _OtherFormError(Exception):
    """A value is not what a form asks for."""


def a_form(function: Callable[_P, Value | None]) -> Callable[_P, Value | None]:
    """A function that finds a form gives None where a value within is not what it asks for."""

    @wraps(function)
    def found(*args: _P.args, **kwargs: _P.kwargs) -> Value | None:
        try:
            return function(*args, **kwargs)
        except _OtherFormError:
            return None

    return found


def made_by(context: Context, value: Value, cls: type[_L]) -> tuple[_L, tuple[Value, ...]]:
    """The layer of that class that gave a value, with what it was called on."""
    found = context.assembly.made(value)
    if found is None or not isinstance(found.layer, cls):
        raise _OtherFormError
    return found.layer, found.inputs


def _counted(context: Context, layer: _Reduction, x: Value) -> int | None:
    """How many elements a reduction makes one of."""
    sizes = [context.shapes[x][axis] for axis in layer.axes(context.shapes[x])]
    return None if None in sizes else prod(size for size in sizes if size is not None)


@a_form
def mean_of(context: Context, x: Value, factor: Any) -> Value | None:
    """A sum times ``factor`` as the mean or the variance that it is."""
    if isinstance(factor, tuple) or factor == 0:
        return None
    layer, (inner,) = made_by(context, x, Sum)
    count = _counted(context, layer, inner)
    if count is None or dtype(context, inner) != "float":
        return None
    centered = _about_mean(context, inner, layer)
    correction = count - 1 / factor
    if centered is not None and abs(correction - round(correction)) < 1e-9 * count and 0 <= round(correction) < count:
        spec = nnspec.Var(layer.axis, layer.keepdims, float(round(correction)))
        return call(context, spec, centered, like=layout(context, x))
    if abs(factor * count - 1) > 1e-12:
        return None
    return call(context, Mean(layer.axis, layer.keepdims), inner, like=layout(context, x))


@a_form
def _about_mean(context: Context, squares: Value, layer: _Reduction) -> Value | None:
    """x, where ``squares`` is (x − mean)², with the mean over the axes of ``layer``."""
    _, (square,) = made_by(context, squares, nnspec.Square)
    _, (x, center) = made_by(context, square, Subtract)
    mean, of = made_by(context, center, Mean)
    shape = context.shapes[x]
    return x if of == (x,) and mean.keepdims and mean.axes(shape) == layer.axes(shape) else None


@a_form
def pooled(context: Context, x: Value, factor: Any) -> Value | None:
    """Sums of windows divided by the windows' size as the means that they were made of."""
    mean, _, size = _sums(context, x)
    return mean if not isinstance(factor, tuple) and abs(size * factor - 1) < 1e-12 else None


def _sums(context: Context, x: Value) -> tuple[Value, Call, float]:
    """The means of windows of which x is the sums, the pooling layer, and how many elements a window has."""
    times, (mean,) = made_by(context, x, nnspec.Rescaling)
    pool = context.assembly.made(mean)
    while pool is not None and isinstance(pool.layer, nnspec.Permute | nnspec.Reshape):
        pool = context.assembly.made(pool.inputs[0])
    if (
        pool is None
        or not isinstance(pool.layer, nnspec.AvgPool)
        or isinstance(times.scale, tuple)
        or times.offset != 0
    ):
        raise _OtherFormError
    return mean, pool, times.scale


@a_form
def averages(context: Context, x: Value, counts: np.ndarray[Any, Any]) -> Value | None:
    """Sums of windows divided by how many elements of the input each has, as the means that they are."""
    mean, pool, size = _sums(context, x)
    layer = pool.layer
    assert isinstance(layer, nnspec.AvgPool)
    sizes = [n for n in context.shapes[pool.inputs[0]][1:-1] if n is not None]
    if context.assembly.made(mean) is not pool or len(sizes) < len(layer.window):
        return None
    inside = apply(layer, _NOTHING, np.ones((1, *sizes, 1))) * size
    if counts.ndim == inside.ndim and len(counts) == context.batch and (counts == counts[:1]).all():
        counts = counts[:1]
    if counts.ndim != inside.ndim or not np.array_equal(np.broadcast_to(counts[..., :1], inside.shape), inside):
        return None
    return call(context, replace(layer, count_include_pad=False), *pool.inputs, like=layout(context, x))


@a_form
def logsumexp_of(context: Context, logarithm: Value, largest: Value) -> Value | None:
    """ln Σ e^(x − m) + m as the logsumexp that it is, with m the maximum of x, or 0 where that is infinite."""
    _, (sums,) = made_by(context, logarithm, nnspec.Log)
    made = context.assembly.made(sums)
    if made is not None and isinstance(made.layer, nnspec.Abs):
        (sums,) = made.inputs
    total, (powers,) = made_by(context, sums, Sum)
    _, (shifted,) = made_by(context, powers, nnspec.Exp)
    _, (x, shift) = made_by(context, shifted, Subtract)
    shape = context.shapes[x]
    for value in (largest, shift):
        layer, of = _maximum(context, value)
        if of != (x,) or layer.axes(shape) != total.axes(shape):
            return None
    return call(context, nnspec.LogSumExp(total.axis, total.keepdims), x, like=context.layouts.get(logarithm))


def _maximum(context: Context, value: Value) -> tuple[Max, tuple[Value, ...]]:
    """The maximum that a value is, or 0 where that is infinite, perhaps with axes added."""
    made = context.assembly.made(value)
    if made is not None and isinstance(made.layer, nnspec.ExpandDims | nnspec.Reshape):
        return _maximum(context, made.inputs[0])
    if made is not None and isinstance(made.layer, nnspec.Where):
        condition, chosen, _ = made.inputs
        if made_by(context, condition, nnspec.IsFinite)[1] == (chosen,):
            return _maximum(context, chosen)
    return made_by(context, value, Max)


@a_form
def softmax_of(context: Context, numerator: Value, denominator: Value) -> Value | None:
    """A quotient e^(x − max x) / Σ e^(x − max x) along an axis as the softmax that it is."""
    total, of = made_by(context, denominator, Sum)
    _, (shifted,) = made_by(context, numerator, nnspec.Exp)
    _, (x, shift) = made_by(context, shifted, Subtract)
    largest, source = made_by(context, shift, Max)
    axes = total.axes(context.shapes[x])
    if of != (numerator,) or source != (x,) or not total.keepdims or not largest.keepdims:
        return None
    if len(axes) != 1 or largest.axes(context.shapes[x]) != axes:
        return None
    axis = axes[0] if axes[0] < len(context.shapes[x]) - 1 else -1
    return call(context, nnspec.Softmax(axis), x, like=context.layouts.get(numerator))


def gated(context: Context, x: Value, y: Value) -> Value | None:
    """A product of smooth functions of one value, as the activation that it is."""
    shape, how = context.shapes[x], context.layouts.get(x)
    if context.shapes[y] != shape or dtype(context, x) != "float":
        return None
    behind = _behind(context, x, shape)
    for root in (value for value in behind if value in _behind(context, y, shape)):
        values: dict[Value, Any] = {root: _POINTS}
        if context.layouts.get(root) != how or not all(_evaluated(context, v, shape, values) for v in (x, y)):
            continue
        with np.errstate(all="ignore"):
            product = values[x] * values[y]
            for layer in _KNOWN:
                wanted = apply(layer, _NOTHING, _POINTS)
                if np.abs(product - wanted).max() < 1e-13 * np.abs(wanted).max():
                    return call(context, layer, root)
    return None


def _smooth(context: Context, value: Value, shape: Shape) -> Call | None:
    """The call that gave a value, if it is a smooth function of single elements of one shape."""
    found = context.assembly.made(value)
    if found is None or not isinstance(found.layer, _SMOOTH):
        return None
    if isinstance(found.layer, nnspec.Rescaling) and isinstance(found.layer.scale, tuple):
        return None
    return found if all(context.shapes.get(given) == shape for given in found.inputs) else None


def _behind(context: Context, value: Value, shape: Shape) -> list[Value]:
    """A value and what it is a smooth function of, the nearest first."""
    found = [value]
    for one in found:
        made = _smooth(context, one, shape)
        found += [given for given in (made.inputs if made and len(found) < _FAR else ()) if given not in found]
    return found


def _evaluated(context: Context, value: Value, shape: Shape, values: dict[Value, Any]) -> bool:
    """Whether a value can be computed of those that are there already; then it is one of them."""
    if value not in values:
        made = _smooth(context, value, shape) if len(values) < _FAR else None
        if made is None or not all(_evaluated(context, given, shape, values) for given in made.inputs):
            return False
        with np.errstate(all="ignore"):
            values[value] = apply(made.layer, _NOTHING, *(values[v] for v in made.inputs))
    return True
