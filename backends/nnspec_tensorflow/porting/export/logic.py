"""Comparisons, logic and choices."""

from __future__ import annotations

from functools import reduce
from typing import Any

from nnspec import logic as specs
from nnspec_tensorflow.porting.export.convert import Context, Tensor, native
from nnspec_tensorflow.startup import keras

_COMPARISONS: dict[type[Any], str] = {
    specs.Equal: "equal",
    specs.Greater: "greater",
    specs.GreaterEqual: "greater_equal",
    specs.Less: "less",
    specs.LessEqual: "less_equal",
    specs.NotEqual: "not_equal",
}
_LOGICAL: dict[type[Any], str] = {
    specs.LogicalAnd: "logical_and",
    specs.LogicalOr: "logical_or",
    specs.LogicalXor: "logical_xor",
}
_TESTS: dict[type[Any], str] = {specs.IsFinite: "isfinite", specs.IsInf: "isinf", specs.IsNaN: "isnan"}


def comparison(spec: Any, context: Context, *inputs: Tensor) -> Tensor:
    compare = getattr(keras.ops, _COMPARISONS[type(spec)])
    if spec.value is None:
        return compare(*inputs)
    return compare(*inputs, int(spec.value) if "int" in inputs[0].dtype else spec.value)


def logical(spec: Any, context: Context, *inputs: Tensor) -> Tensor:
    return reduce(getattr(keras.ops, _LOGICAL[type(spec)]), inputs)


def test(spec: Any, context: Context, x: Tensor) -> Tensor:
    return getattr(keras.ops, _TESTS[type(spec)])(x)


for kinds, function in ((_COMPARISONS, comparison), (_LOGICAL, logical), (_TESTS, test)):
    for kind in kinds:
        native.register(kind, function)


@native.register
def logical_not(spec: specs.LogicalNot, context: Context, x: Tensor) -> Tensor:
    return keras.ops.logical_not(x)


@native.register
def where(spec: specs.Where, context: Context, condition: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return keras.ops.where(condition, one, other)


@native.register
def as_type(spec: specs.AsType, context: Context, x: Tensor) -> Tensor:
    return keras.ops.cast(x, context.dtype if spec.dtype == "float" else spec.dtype)
