"""Operations that join branches of a graph."""

from __future__ import annotations

import functools
import operator

import numpy as np

from nnspec.ops import (
    Add,
    Concat,
    Divide,
    Einsum,
    ExpandDims,
    Matmul,
    Maximum,
    Minimum,
    Multiply,
    Slice,
    Squeeze,
    Stack,
    Subtract,
)
from nnspec.reference.base import Array, Scope, apply


@apply.register(Add)
def add(spec: Add, scope: Scope, *inputs: Array) -> Array:
    return functools.reduce(operator.add, inputs)


@apply.register(Subtract)
def subtract(spec: Subtract, scope: Scope, x1: Array, x2: Array) -> Array:
    return x1 - x2


@apply.register(Multiply)
def multiply(spec: Multiply, scope: Scope, *inputs: Array) -> Array:
    return functools.reduce(operator.mul, inputs)


@apply.register(Divide)
def divide(spec: Divide, scope: Scope, x1: Array, x2: Array) -> Array:
    return x1 / x2


@apply.register(Maximum)
def maximum(spec: Maximum, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.maximum(x1, x2)


@apply.register(Minimum)
def minimum(spec: Minimum, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.minimum(x1, x2)


@apply.register(Concat)
def concat(spec: Concat, scope: Scope, *inputs: Array) -> Array:
    return np.concatenate(inputs, spec.axis)


@apply.register(Matmul)
def matmul(spec: Matmul, scope: Scope, x1: Array, x2: Array) -> Array:
    return np.asarray(x1 @ x2)


@apply.register(Einsum)
def einsum(spec: Einsum, scope: Scope, *inputs: Array) -> Array:
    y: Array = np.einsum(str(spec.spelled(*(x.shape for x in inputs))), *inputs)
    return y


@apply.register(Stack)
def stack(spec: Stack, scope: Scope, *inputs: Array) -> Array:
    return np.stack(inputs, spec.axis)


@apply.register(Slice)
def sliced(spec: Slice, scope: Scope, x: Array) -> Array:
    return x[spec.index(x.ndim)]


@apply.register(ExpandDims)
def expand_dims(spec: ExpandDims, scope: Scope, x: Array) -> Array:
    return np.expand_dims(x, spec.axis)


@apply.register(Squeeze)
def squeeze(spec: Squeeze, scope: Scope, x: Array) -> Array:
    return x.squeeze(spec.axis)
