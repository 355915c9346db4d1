"""Reductions along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import reductions as specs
from nnspec_jax.activation import magnitude
from nnspec_jax.pooling import first_maximum
from nnspec_jax.realize import Context, build, rounded_once

Function = Callable[[jax.Array], jax.Array]


def _along(spec: specs._Reduction, function: Callable[..., jax.Array]) -> Function:
    return rounded_once(lambda x: function(x, axis=spec.axes(x.shape), keepdims=spec.keepdims))


@build.register
def total(spec: specs.Sum, context: Context) -> Function:
    return _along(spec, jnp.sum)


@build.register
def mean(spec: specs.Mean, context: Context) -> Function:
    return _along(spec, jnp.mean)


@build.register
def prod(spec: specs.Prod, context: Context) -> Function:
    return _along(spec, jnp.prod)


@build.register
def log_sum_exp(spec: specs.LogSumExp, context: Context) -> Function:
    return _along(spec, jax.nn.logsumexp)


def _maximum(x: jax.Array, axis: tuple[int, ...], keepdims: bool) -> jax.Array:
    """The maximum whose gradient goes to the first of equal elements: they become one axis, in row-major order."""
    kept = [i for i in range(x.ndim) if i not in axis]
    row = x.transpose(*kept, *axis).reshape(*(x.shape[i] for i in kept), math.prod(x.shape[i] for i in axis))
    y = first_maximum(row, len(kept))
    return jnp.expand_dims(y, axis) if keepdims else y


@build.register
def maximum(spec: specs.Max, context: Context) -> Function:
    return _along(spec, _maximum)


@build.register
def minimum(spec: specs.Min, context: Context) -> Function:
    return _along(spec, lambda x, **options: -_maximum(-x, **options))


def _variance(spec: specs.Var | specs.Std) -> Callable[..., jax.Array]:
    def variance(x: jax.Array, axis: tuple[int, ...], keepdims: bool) -> jax.Array:
        count = math.prod(x.shape[i] for i in axis) - spec.correction
        centered = x - jnp.mean(x, axis, keepdims=True)
        return jnp.sum(jnp.square(centered), axis, keepdims=keepdims) / count

    return variance


@build.register
def var(spec: specs.Var, context: Context) -> Function:
    return _along(spec, _variance(spec))


def _root(squared: jax.Array, root: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """A root whose derivative at 0 is 0 instead of infinite."""
    zero = squared == 0
    return jnp.where(zero, 0.0, root(jnp.where(zero, 1.0, squared)))


@build.register
def std(spec: specs.Std, context: Context) -> Function:
    variance = _variance(spec)
    return _along(spec, lambda x, **options: _root(variance(x, **options), jnp.sqrt))


@build.register
def vector_norm(spec: specs.VectorNorm, context: Context) -> Function:
    order = spec.ord
    if order == "inf":
        return _along(spec, lambda x, **options: _maximum(magnitude(x), **options))
    if order == 1:
        return _along(spec, lambda x, **options: jnp.sum(magnitude(x), **options))
    if order == 2:
        return _along(spec, lambda x, **options: _root(jnp.sum(jnp.square(x), **options), jnp.sqrt))

    def power(x: jax.Array, **options: Any) -> jax.Array:
        return _root(jnp.sum(magnitude(x) ** order, **options), lambda total: total ** (1 / order))

    return _along(spec, power)
