"""Reductions along axes."""

from __future__ import annotations

import numpy as np

from nnspec import reductions as specs
from nnspec.reference.base import Array, Scope, apply


@apply.register(specs.Sum)
def total(spec: specs.Sum, scope: Scope, x: Array) -> Array:
    return np.asarray(x.sum(spec.axes(x.shape), keepdims=spec.keepdims))


@apply.register(specs.Mean)
def mean(spec: specs.Mean, scope: Scope, x: Array) -> Array:
    return np.asarray(x.mean(spec.axes(x.shape), keepdims=spec.keepdims))


@apply.register(specs.Prod)
def prod(spec: specs.Prod, scope: Scope, x: Array) -> Array:
    return np.asarray(x.prod(spec.axes(x.shape), keepdims=spec.keepdims))


@apply.register(specs.Max)
def maximum(spec: specs.Max, scope: Scope, x: Array) -> Array:
    return np.asarray(x.max(spec.axes(x.shape), keepdims=spec.keepdims))


@apply.register(specs.Min)
def minimum(spec: specs.Min, scope: Scope, x: Array) -> Array:
    return np.asarray(x.min(spec.axes(x.shape), keepdims=spec.keepdims))


@apply.register(specs.Var)
def var(spec: specs.Var | specs.Std, scope: Scope, x: Array) -> Array:
    axes = spec.axes(x.shape)
    squares = np.square(x - x.mean(axes, keepdims=True))
    count = np.prod([x.shape[axis] for axis in axes], dtype=float)
    return np.asarray(squares.sum(axes, keepdims=spec.keepdims) / x.dtype.type(count - spec.correction))


@apply.register(specs.Std)
def std(spec: specs.Std, scope: Scope, x: Array) -> Array:
    return np.asarray(np.sqrt(var(spec, scope, x)))


@apply.register(specs.LogSumExp)
def log_sum_exp(spec: specs.LogSumExp, scope: Scope, x: Array) -> Array:
    axes = spec.axes(x.shape)
    top = x.max(axes, keepdims=True)
    top = np.where(np.isinf(top), 0, top).astype(x.dtype)
    sums = np.log(np.exp(x - top).sum(axes, keepdims=True)) + top
    return np.asarray(sums if spec.keepdims else sums.squeeze(axes))


@apply.register(specs.VectorNorm)
def vector_norm(spec: specs.VectorNorm, scope: Scope, x: Array) -> Array:
    axes, size = spec.axes(x.shape), np.abs(x)
    if spec.ord == "inf":
        return np.asarray(size.max(axes, keepdims=spec.keepdims))
    order = x.dtype.type(spec.ord)
    return np.asarray((size**order).sum(axes, keepdims=spec.keepdims) ** (1 / order))
