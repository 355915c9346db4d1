"""Comparisons, logic and choices."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nnspec import logic as specs
from nnspec.layers.base import Operation
from nnspec_jax.realize import Context, build, computed, copied

Function = Callable[..., jax.Array]
_COMPARISONS: dict[type[Operation], Callable[[Any, Any], jax.Array]] = {
    specs.Equal: jnp.equal,
    specs.NotEqual: jnp.not_equal,
    specs.Less: jnp.less,
    specs.LessEqual: jnp.less_equal,
    specs.Greater: jnp.greater,
    specs.GreaterEqual: jnp.greater_equal,
}
_TESTS: dict[type[Operation], Callable[[Any], jax.Array]] = {
    specs.IsNaN: jnp.isnan,
    specs.IsInf: jnp.isinf,
    specs.IsFinite: jnp.isfinite,
    specs.LogicalNot: jnp.logical_not,
}


def compared(spec: specs._Comparison, context: Context) -> Function:
    function, value = _COMPARISONS[type(spec)], spec.value
    if value is None:
        return lambda x1, x2: function(computed(x1), computed(x2))
    # Half precision is compared in float32, the number as it is in half precision.
    return lambda x: function(computed(x), computed(jnp.asarray(value, x.dtype)))


for _cls in _COMPARISONS:
    build.register(_cls, compared)


def tested(spec: Operation, context: Context) -> Function:
    function = _TESTS[type(spec)]
    return lambda x: function(x)


for _cls in _TESTS:
    build.register(_cls, tested)


@build.register
def logical_and(spec: specs.LogicalAnd, context: Context) -> Function:
    return lambda *inputs: reduce(jnp.logical_and, inputs)


@build.register
def logical_or(spec: specs.LogicalOr, context: Context) -> Function:
    return lambda *inputs: reduce(jnp.logical_or, inputs)


@build.register
def logical_xor(spec: specs.LogicalXor, context: Context) -> Function:
    return lambda x1, x2: jnp.logical_xor(x1, x2)


@build.register
def where(spec: specs.Where, context: Context) -> Function:
    return copied(lambda condition, x1, x2: jnp.where(condition, x1, x2))


def _whole(x: jax.Array) -> jax.Array:
    """Floats as int32: towards 0, the nearest int32 of what is too large, 0 of NaN."""
    bounds = np.iinfo(np.int32)
    inside = (x > bounds.min) & (x < -float(bounds.min))  # −2³¹ is a float of every type, 2³¹ − 1 is none of float32
    edge = jnp.where(x < 0, bounds.min, jnp.where(x > 0, bounds.max, 0))
    return jnp.where(inside, jnp.where(inside, x, 0).astype(jnp.int32), edge.astype(jnp.int32))


@build.register
def as_type(spec: specs.AsType, context: Context) -> Function:
    if spec.dtype == "bool":
        return lambda x: x != 0
    if spec.dtype == "float":
        return lambda x: computed(x).astype(context.dtype)
    return lambda x: _whole(computed(x)) if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.int32)
