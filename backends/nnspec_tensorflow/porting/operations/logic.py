"""Comparisons, booleans, choices, and other dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import nnspec
from nnspec.layers.base import DType
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.broadcasting import aligned
from nnspec_tensorflow.porting.operations.operand import Known, array, dtype_of, is_fixed, number, refusal
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, read
from nnspec_tensorflow.startup import keras

_NP, _CORE = keras.src.ops.numpy, keras.src.ops.core

# Comparisons, and what they are with both sides exchanged.
_COMPARISONS = {
    _NP.Equal: (nnspec.Equal, nnspec.Equal),
    _NP.NotEqual: (nnspec.NotEqual, nnspec.NotEqual),
    _NP.Less: (nnspec.Less, nnspec.Greater),
    _NP.LessEqual: (nnspec.LessEqual, nnspec.GreaterEqual),
    _NP.Greater: (nnspec.Greater, nnspec.Less),
    _NP.GreaterEqual: (nnspec.GreaterEqual, nnspec.LessEqual),
}
_LOGIC = {
    _NP.LogicalAnd: nnspec.LogicalAnd(),
    _NP.LogicalOr: nnspec.LogicalOr(),
    _NP.LogicalXor: nnspec.LogicalXor(),
}
_TESTS = {_NP.Isfinite: nnspec.IsFinite(), _NP.Isinf: nnspec.IsInf(), _NP.Isnan: nnspec.IsNaN()}


def promoted(context: Context, *xs: Any) -> DType:
    """The dtype that operands are brought to: floats before whole numbers before booleans."""
    kinds = {dtype_of(context, x) for x in xs}
    return "float" if "float" in kinds else "int32" if "int32" in kinds else "bool"


def brought(context: Context, x: Any, dtype: DType, part: str) -> Any:
    """An operand in a dtype; a constant stays one, and a variable what it is."""
    if is_fixed(x):
        given = array(x)
        kinds = {"float": "f", "int32": "iu", "bool": "b"}[dtype]
        if given.dtype.kind in kinds or (dtype == "float" and given.dtype.name == "bfloat16"):
            return given
        return given.astype({"float": np.float32, "int32": np.int32, "bool": np.bool_}[dtype])
    if not isinstance(x, Value) and dtype == "float":
        return x
    return cast(context, read(context, x).value, dtype, part)


@operation(*_COMPARISONS)
def comparison(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    straight, exchanged = _COMPARISONS[type(op)]
    dtype = promoted(context, x1, x2)
    if dtype == "bool" and straight not in (nnspec.Equal, nnspec.NotEqual):
        dtype = "int32"
    for x, other, layer in ((x1, x2, straight), (x2, x1, exchanged)):
        found = number(other)
        if found is not None and dtype != "bool" and math.isfinite(found):
            operand = read(context, brought(context, x, dtype, "astype"))
            return done(context, layer(float(found)), operand.value, view=operand.view)
    values, view = aligned(context, *(brought(context, x, dtype, "astype") for x in (x1, x2)))
    return done(context, straight(), *values, view=view)


@operation(*_LOGIC)
def logical(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    values, view = aligned(context, *(brought(context, x, "bool", "astype") for x in (x1, x2)))
    return done(context, _LOGIC[type(op)], *values, view=view)


@operation(_NP.LogicalNot)
def logical_not(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, brought(context, x, "bool", "astype"))
    return done(context, nnspec.LogicalNot(), operand.value, view=operand.view)


@operation(*_TESTS)
def test(op: Any, context: Context, x: Any) -> Value:
    operand = read(context, brought(context, x, "float", "float"))
    return done(context, _TESTS[type(op)], operand.value, view=operand.view)


@operation(_NP.Where)
def where(op: Any, context: Context, condition: Any, x1: Any = None, x2: Any = None) -> Value:
    if x1 is None or x2 is None:
        raise refusal(context, "the places where a condition holds are as many as there happen to be")
    dtype = promoted(context, x1, x2)
    condition = brought(context, condition, "bool", "condition")
    chosen = [brought(context, x, dtype, "astype") for x in (x1, x2)]
    values, view = aligned(context, condition, *chosen)
    return done(context, nnspec.Where(), *values, view=view)


def spec_dtype(context: Context, dtype: Any) -> DType:
    """The spec's dtype for one of Keras's."""
    name = keras.backend.standardize_dtype(dtype)
    if "complex" in name:
        raise refusal(context, f"the spec has no {name}")
    return "bool" if name == "bool" else "int32" if "int" in name else "float"


@operation(_CORE.Cast)
def astype(op: Any, context: Context, x: Any) -> Any:
    operand = read(context, x)
    return cast(context, operand.value, spec_dtype(context, op.dtype))


@operation(_CORE.ConvertToTensor, _NP.Array, _NP.Copy)
def as_tensor(op: Any, context: Context, x: Any) -> Any:
    if not isinstance(x, Value):
        return read(context, x).value
    dtype = getattr(op, "dtype", None)
    return x if dtype is None else cast(context, x, spec_dtype(context, dtype))


@operation(_NP.ZerosLike, _NP.OnesLike, _NP.FullLike)
def full_like(op: Any, context: Context, x: Any, fill_value: Any = None) -> Any:
    """As many numbers as x has elements, whatever these are."""
    if fill_value is None:
        fill_value = 0 if isinstance(op, _NP.ZerosLike) else 1
    found, operand = number(fill_value), read(context, x)
    if found is None:
        raise refusal(context, "a filling that is no number", "write it by broadcast_to")
    sizes = operand.spec[1:]
    if None in sizes:
        raise refusal(context, f"it fills a tensor of unknown shape {list(operand.shape)}", "declare the input's shape")
    dtype = operand.dtype if op.dtype is None else spec_dtype(context, op.dtype)
    kinds = {"float": np.float32, "int32": np.int32, "bool": np.bool_}
    given = read(context, Known(np.full(sizes, found, kinds[dtype])))
    return done(
        context, nnspec.Identity() if dtype == "float" else nnspec.AsType(dtype), given.value, view=operand.view
    )


@operation(_CORE.StopGradient)
def stop_gradient(op: Any, context: Context, variable: Any) -> Any:
    if dtype_of(context, variable) != "float":
        return variable
    made = context.assembly.made(variable) if isinstance(variable, Value) else None
    if made is not None and isinstance(made.layer, nnspec.Max):
        return variable  # taken away before exponentials, it has no gradient anyway
    raise refusal(context, "the spec has no gradients that stop within a graph", "it changes no value: remove it")
