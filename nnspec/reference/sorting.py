"""Order along an axis."""

from __future__ import annotations

import numpy as np

from nnspec import sorting as specs
from nnspec.reference.base import Array, Scope, apply


@apply.register(specs.ArgMax)
def arg_max(spec: specs.ArgMax, scope: Scope, x: Array) -> Array:
    return _place(spec, x)


@apply.register(specs.ArgMin)
def arg_min(spec: specs.ArgMin, scope: Scope, x: Array) -> Array:
    return _place(spec, _falling(x))


def _place(spec: specs.ArgMax | specs.ArgMin, x: Array) -> Array:
    """The place of the largest element. NumPy's is the first of equal ones, or of NaN."""
    if spec.ties == "first":
        found = np.argmax(x, spec.axis, keepdims=spec.keepdims)
    else:
        found = x.shape[spec.axis] - 1 - np.argmax(np.flip(x, spec.axis), spec.axis, keepdims=spec.keepdims)
    return np.asarray(found, np.int32)


def _falling(x: Array) -> Array:
    """Numbers in the opposite order; −x would leave int32."""
    return ~x if x.dtype.kind == "i" else -x


def _order(x: Array, axis: int, descending: bool) -> Array:
    """NumPy sorts NaN behind all numbers, of either sign."""
    return np.argsort(_falling(x) if descending else x, axis, kind="stable").astype(np.int32)


@apply.register(specs.Sort)
def sort(spec: specs.Sort, scope: Scope, x: Array) -> Array:
    return np.take_along_axis(x, _order(x, spec.axis, spec.descending), spec.axis)


@apply.register(specs.ArgSort)
def arg_sort(spec: specs.ArgSort, scope: Scope, x: Array) -> Array:
    return _order(x, spec.axis, spec.descending)


@apply.register(specs.TopK)
def top_k(spec: specs.TopK, scope: Scope, x: Array) -> Array:
    found = np.take(_order(x, spec.axis, spec.largest), range(spec.k), spec.axis)
    return found if spec.output == "indices" else np.take_along_axis(x, found, spec.axis)
