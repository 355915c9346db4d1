"""Nodes, and what becomes one: variables and constants as values, or as a layer's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import nnspec
from nnspec.errors import PortError
from nnspec.layers.base import DType, Layer, Shape
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.operand import (
    BATCH,
    FIXED,
    Array,
    Operand,
    Turned,
    array,
    dtype_of,
    is_batch,
    is_variable,
    reference,
    refusal,
    view_of,
)
from nnspec_tensorflow.porting.tracked import Use, View, tracked


def done(context: Context, layer: Layer, *inputs: Value, view: View, part: str | None = None, **options: Any) -> Value:
    """A node, and how what it gives lies in the graph."""
    value = context.call(layer, *inputs, part=part, **options)
    tracked(context.assembly).views[value] = view
    return value


def read(context: Context, x: Any) -> Operand:
    """Anything as a value."""
    if isinstance(x, Value):
        return Operand(context, x, view_of(context, x))
    if isinstance(x, Turned):
        return Operand(context, _turned(context, x), FIXED)
    if is_variable(x):
        return Operand(context, parameter(context, x), FIXED)
    if is_batch(x):
        return Operand(context, constant(context, array(x)[0], view=BATCH), BATCH)
    return Operand(context, constant(context, array(x)), FIXED)


def shape_of(context: Context, x: Any) -> Shape:
    """The shape of a tensor, a variable or a constant, with None in the place of the batch."""
    if isinstance(x, Value):
        return read(context, x).shape
    if isinstance(x, Turned) or is_variable(x):
        return tuple(x.shape)
    return (None, *array(x).shape[1:]) if is_batch(x) else array(x).shape


def _turned(context: Context, x: Turned) -> Value:
    axes = tuple(axis + 1 for axis in x.axes)
    return done(context, nnspec.Permute(axes), parameter(context, x.variable), view=FIXED, part="transpose")


def constant(context: Context, given: Array, *, view: View = FIXED) -> Value:
    """An array as a value that training leaves as it is."""
    if given.dtype.kind not in "fiub" and given.dtype.name != "bfloat16":
        raise refusal(context, f"a constant of {given.dtype}")
    if not given.size:
        raise refusal(context, f"a constant without elements, of shape {given.shape}")
    dtype = dtype_of(context, given)
    exact = np.float64 if dtype == "int32" and np.abs(given.astype(np.int64)).max() > 2**24 else np.float32
    floats = given if dtype == "float" else given.astype(exact)
    layer = nnspec.Parameter(given.shape, trainable=False)
    variables = {"value": floats}
    # A layer's constants are told apart by what they are: it may have several, and be called several times.
    digest = hashlib.sha256(floats.tobytes()).digest()
    owner = None if context.owner is None else (context.owner, "constant", floats.shape, digest)
    value = done(context, layer, reference(context), view=view, part="constant", variables=variables, owner=owner)
    return cast(context, value, dtype, part="constant_astype")


def parameter(context: Context, variable: Any) -> Value:
    """A variable as a value. Operations that had it for their own take this value from now on.

    Raises:
        PortError: it belongs to a layer.
    """
    value = _reserved(context, variable)
    tracked(context.assembly).free.add(id(variable))
    for use in tracked(context.assembly).uses.pop(id(variable), ()):
        if use.otherwise is None:
            raise _held(context, variable, use.layer)
        layer, inputs = use.otherwise
        context.assembly.replace(use.value, layer, *inputs)
    return value


def owning(
    context: Context,
    layer: Layer,
    key: str,
    variable: Any,
    x: Value,
    otherwise: tuple[Layer, Callable[[Value], tuple[Value, ...]]] | None,
    *,
    view: View,
    part: str | None = None,
) -> Value:
    """A layer that has a variable for its own; or another one that takes its value, if that is in use elsewhere.

    Args:
        key: what the layer calls the variable.
        x: the layer's input.
        otherwise: the other layer, and its inputs by the variable's value; None where there is none.

    Raises:
        PortError: the variable belongs to a layer of another kind.
    """
    known, seen = id(variable), tracked(context.assembly)
    if known in seen.holders and known not in seen.parameters:
        held, owner = seen.holders[known]
        if owner is None or not layer.shares_with(held):
            raise _held(context, variable, held)
        return done(context, layer, x, view=view, part=part, owner=owner, variables={key: variable})
    value, uses = _reserved(context, variable), seen.uses.setdefault(known, [])
    other = None if otherwise is None else (otherwise[0], otherwise[1](value))
    if known in seen.free or not all(layer.shares_with(use.layer) for use in uses):
        parameter(context, variable)
        if other is None:
            raise _held(context, variable, layer)
        return done(context, other[0], *other[1], view=view, part=part)
    made = done(context, layer, x, view=view, part=part, owner=("variable", known), variables={key: variable})
    uses.append(Use(made, layer, other))
    return made


def _reserved(context: Context, variable: Any) -> Value:
    """The value that a variable is by itself. If nothing comes to use it, it is no part of the graph."""
    known, seen = id(variable), tracked(context.assembly)
    if known not in seen.parameters:
        if known in seen.holders:
            raise _held(context, variable, seen.holders[known][0])
        own = replace(context, name=str(variable.name), origin=f"{variable.path} (Variable)")
        layer = nnspec.Parameter(tuple(variable.shape), trainable=bool(variable.trainable))
        seen.parameters[known] = done(own, layer, reference(context), view=FIXED, variables={"value": variable})
    return seen.parameters[known]


def _held(context: Context, variable: Any, layer: Layer) -> PortError:
    return refusal(
        context,
        f"it takes the variable {variable.path} of a layer, which is {type(layer).__name__} in the spec and shares its "
        "variables with layers of its kind alone",
        "give the operation a variable of its own",
    )


def plain(context: Context, x: Any) -> Operand:
    """A value whose batch axis is in front and by itself, as layers take it."""
    operand = read(context, x)
    if operand.view != BATCH:
        raise refusal(context, "its input has another axis than the batch in front", "transpose or reshape it before")
    return operand


def cast(context: Context, value: Value, dtype: DType, part: str | None = None) -> Value:
    """A value in another dtype, by a node if it is not in it."""
    if context.dtypes[value] == dtype:
        return value
    return done(context, nnspec.AsType(dtype), value, view=view_of(context, value), part=part)
