"""Comparisons, logic and choices."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from nnspec import logic as specs
from nnspec.reference.base import Array, Scope, apply, computing, rounded


def _pair(spec: specs._Comparison, scope: Scope, inputs: tuple[Array, ...]) -> tuple[Array, Any]:
    if spec.value is None:
        return inputs  # type: ignore[return-value]
    (x,) = inputs
    number = spec.value if x.dtype.kind == "i" else rounded(spec.value, scope.state.dtype)
    return x, np.asarray(number).astype(x.dtype)


@apply.register(specs.Equal)
def equal(spec: specs.Equal, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.equal(*_pair(spec, scope, inputs)))


@apply.register(specs.NotEqual)
def not_equal(spec: specs.NotEqual, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.not_equal(*_pair(spec, scope, inputs)))


@apply.register(specs.Less)
def less(spec: specs.Less, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.less(*_pair(spec, scope, inputs)))


@apply.register(specs.LessEqual)
def less_equal(spec: specs.LessEqual, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.less_equal(*_pair(spec, scope, inputs)))


@apply.register(specs.Greater)
def greater(spec: specs.Greater, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.greater(*_pair(spec, scope, inputs)))


@apply.register(specs.GreaterEqual)
def greater_equal(spec: specs.GreaterEqual, scope: Scope, *inputs: Array) -> Array:
    return np.asarray(np.greater_equal(*_pair(spec, scope, inputs)))


@apply.register(specs.LogicalAnd)
def logical_and(spec: specs.LogicalAnd, scope: Scope, *inputs: Array) -> Array:
    return reduce(np.logical_and, inputs)


@apply.register(specs.LogicalOr)
def logical_or(spec: specs.LogicalOr, scope: Scope, *inputs: Array) -> Array:
    return reduce(np.logical_or, inputs)


@apply.register(specs.LogicalXor)
def logical_xor(spec: specs.LogicalXor, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.logical_xor(x1, x2)


@apply.register(specs.LogicalNot)
def logical_not(spec: specs.LogicalNot, scope: Scope, x: Array) -> Array:
    return np.logical_not(x)


@apply.register(specs.Where)
def where(spec: specs.Where, scope: Scope, condition: Array, x1: Array, x2: Array) -> Array:
    return np.where(condition, x1, x2)


@apply.register(specs.AsType)
def as_type(spec: specs.AsType, scope: Scope, x: Array) -> Array:
    if spec.dtype == "bool":
        return np.asarray(x != 0)
    if spec.dtype == "float":
        return x.astype(computing(scope.state.dtype))
    if x.dtype.kind in "bi":
        return x.astype(np.int32)
    # In float64, of which int32 is a part, so that the bounds are themselves.
    whole = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0))
    return np.clip(whole, np.iinfo(np.int32).min, np.iinfo(np.int32).max).astype(np.int32)


@apply.register(specs.IsNaN)
def is_nan(spec: specs.IsNaN, scope: Scope, x: Array) -> Array:
    return np.isnan(x)


@apply.register(specs.IsInf)
def is_inf(spec: specs.IsInf, scope: Scope, x: Array) -> Array:
    return np.isinf(x)


@apply.register(specs.IsFinite)
def is_finite(spec: specs.IsFinite, scope: Scope, x: Array) -> Array:
    return np.isfinite(x)
