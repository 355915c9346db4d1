"""Operations without parameters that join branches of a graph.

``jnp.maximum`` and ``jnp.minimum`` give half of the gradient to each of two equal inputs, as the spec says.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import ops
from nnspec_jax.realize import HIGHEST, Context, build, widened

Operation = Callable[..., jax.Array]


def _from_left(binary: Callable[[Any, Any], Any]) -> Operation:
    return lambda *inputs: reduce(binary, inputs)


@build.register
def add(spec: ops.Add, context: Context) -> Operation:
    return _from_left(operator.add)


@build.register
def subtract(spec: ops.Subtract, context: Context) -> Operation:
    return operator.sub


@build.register
def multiply(spec: ops.Multiply, context: Context) -> Operation:
    return _from_left(operator.mul)


@build.register
def divide(spec: ops.Divide, context: Context) -> Operation:
    return operator.truediv


@build.register
def maximum(spec: ops.Maximum, context: Context) -> Operation:
    return jnp.maximum


@build.register
def minimum(spec: ops.Minimum, context: Context) -> Operation:
    return jnp.minimum


@build.register
def concat(spec: ops.Concat, context: Context) -> Operation:
    return lambda *inputs: jnp.concatenate(inputs, axis=spec.axis)


@build.register
def matmul(spec: ops.Matmul, context: Context) -> Operation:
    def product(x1: jax.Array, x2: jax.Array) -> jax.Array:
        return jnp.matmul(widened(x1), widened(x2), precision=HIGHEST).astype(x1.dtype)

    return product


@build.register
def einsum(spec: ops.Einsum, context: Context) -> Operation:
    def summed(*inputs: jax.Array) -> jax.Array:
        equation = str(spec.spelled(*(x.shape for x in inputs)))
        return jnp.einsum(equation, *map(widened, inputs), precision=HIGHEST).astype(inputs[0].dtype)

    return summed


@build.register
def stack(spec: ops.Stack, context: Context) -> Operation:
    return lambda *inputs: jnp.stack(inputs, axis=spec.axis)


@build.register
def sliced(spec: ops.Slice, context: Context) -> Operation:
    return lambda x: x[spec.index(x.ndim)]


@build.register
def expand_dims(spec: ops.ExpandDims, context: Context) -> Operation:
    return lambda x: jnp.expand_dims(x, spec.axis)


@build.register
def squeeze(spec: ops.Squeeze, context: Context) -> Operation:
    return lambda x: jnp.squeeze(x, spec.axis)
