"""Sums, products, extremes and their places along axes; the batch is never reduced.

Of several largest elements nnspec gives the gradient to the first, where JAX divides it among them.
"""

from __future__ import annotations

from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Layout, primitive
from nnspec_jax.porting.primitives.operands import as_type, call, dtype, layout, places, step

_REDUCTIONS: dict[str, Any] = {
    "reduce_sum": nnspec.Sum,
    "reduce_prod": nnspec.Prod,
    "reduce_max": nnspec.Max,
    "reduce_min": nnspec.Min,
    "reduce_or": nnspec.Max,
    "reduce_and": nnspec.Min,
}


def without(context: Context, x: Value, axes: tuple[int, ...]) -> Layout:
    """How JAX sees a value that lacks some axes of x, none of them the batch's."""
    how = layout(context, x)
    if how.axis is None:
        return how
    return Layout(how.axis - sum(axis < how.axis for axis in axes), how.before, how.after)


def reduced(context: Context, layer: Any, x: Value, axes: tuple[int, ...]) -> Value:
    """A reduction along axes that JAX numbers so."""
    if not axes:
        return x
    like, of = without(context, x, axes), dtype(context, x)
    spec = layer(places(context, x, sorted(axes), "reduces"))
    if of == "float":
        return call(context, spec, x, like=like)
    made = step(context, spec, as_type(context, x, "float"), like=like)
    return call(context, nnspec.AsType(of), made, like=like)


def _reduction(name: str, cls: type[Layer]) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Value) -> Value:
        return reduced(context, cls, x, tuple(params["axes"]))


for _name, _class in _REDUCTIONS.items():
    _reduction(_name, _class)


def _extreme(name: str, cls: Any) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Value) -> Value:
        axes = tuple(params["axes"])
        (axis,) = places(context, x, axes, "chooses along")
        numbers = as_type(context, x, "int32") if dtype(context, x) == "bool" else x
        return call(context, cls(axis), numbers, like=without(context, x, axes))


_extreme("argmax", nnspec.ArgMax)
_extreme("argmin", nnspec.ArgMin)
