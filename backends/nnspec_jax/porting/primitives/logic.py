"""Comparisons, logic, choices, and changes of dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, primitive
from nnspec_jax.porting.primitives.alignment import aligned, as_value
from nnspec_jax.porting.primitives.elementwise import meets, numbers
from nnspec_jax.porting.primitives.operands import Operand, call, dtype, kind, refuse, same, step

# Each comparison with what it is when its operands change places.
_COMPARISONS: dict[str, tuple[type[Layer], type[Layer]]] = {
    "eq": (nnspec.Equal, nnspec.Equal),
    "ne": (nnspec.NotEqual, nnspec.NotEqual),
    "lt": (nnspec.Less, nnspec.Greater),
    "le": (nnspec.LessEqual, nnspec.GreaterEqual),
    "gt": (nnspec.Greater, nnspec.Less),
    "ge": (nnspec.GreaterEqual, nnspec.LessEqual),
    # Of an order of all floats, which sorted arrays are searched by: NaN alone has another place in it.
    "eq_to": (nnspec.Equal, nnspec.Equal),
    "lt_to": (nnspec.Less, nnspec.Greater),
    "le_to": (nnspec.LessEqual, nnspec.GreaterEqual),
}
_LOGICAL: dict[str, type[Layer]] = {"and": nnspec.LogicalAnd, "or": nnspec.LogicalOr, "xor": nnspec.LogicalXor}


def _comparison(name: str, cls: Any, turned: Any) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Operand, y: Operand) -> Value:
        for one, other, of in ((x, y, cls), (y, x, turned)):
            if isinstance(one, Value) and dtype(context, one) != "bool":
                number = numbers(context, one, other)
                if isinstance(number, float) and (dtype(context, one) == "float" or number.is_integer()):
                    return call(context, of(value=number), one)
        values, how = aligned(context, (x, y))
        return call(context, cls(), *values, like=how)


for _name, (_class, _turned) in _COMPARISONS.items():
    _comparison(_name, _class, _turned)


def _logical(name: str, cls: type[Layer]) -> None:
    @primitive(name)
    def convert_it(context: Context, params: Any, x: Operand, y: Operand) -> Value:
        _only_booleans(context, x)
        for one, other in ((x, y), (y, x)):
            if isinstance(one, Value) and (known := _settled(context, name, one, other)) is not None:
                return known
        values, how = aligned(context, (x, y))
        return call(context, cls(), *values, like=how)


def _only_booleans(context: Context, x: Operand) -> None:
    if dtype(context, x) != "bool":
        refuse(context, "operations on the bits of numbers have no counterpart: nnspec has logic on booleans")


def _settled(context: Context, name: str, x: Value, other: Operand) -> Value | None:
    """x itself where a constant changes nothing: x ∧ true, x ∨ false."""
    if isinstance(other, Value) or not meets(context, x, other):
        return None
    return x if same(other) is (name == "and") and name != "xor" else None


for _name, _class in _LOGICAL.items():
    _logical(_name, _class)


@primitive("not")
def logical_not(context: Context, params: Any, x: Value) -> Value:
    _only_booleans(context, x)
    return call(context, nnspec.LogicalNot(), x)


@primitive("is_finite")
def is_finite(context: Context, params: Any, x: Value) -> Value:
    return call(context, nnspec.IsFinite(), x)


@primitive("select_n")
def select_n(context: Context, params: Any, which: Operand, *cases: Operand) -> Any:
    if not isinstance(which, Value) and (always := same(which)) is not None:
        chosen = cases[int(always)]
        if isinstance(chosen, Value):
            return chosen
        if not any(isinstance(case, Value) for case in cases):
            return chosen
    if len(cases) > 2:
        return _among(context, which, cases)
    if not isinstance(which, Value) and which.dtype.kind in "iu":
        which = which != 0
    elif isinstance(which, Value) and dtype(context, which) != "bool":
        which = step(context, nnspec.AsType("bool"), which)
    (condition, no, yes), how = aligned(context, (which, *cases))
    return call(context, nnspec.Where(), condition, yes, no, like=how)


def _among(context: Context, which: Operand, cases: Sequence[Operand]) -> Operand:
    """A choice by number, as choices between two."""
    result = cases[-1]
    for number in reversed(range(len(cases) - 1)):
        test = step(context, nnspec.Equal(value=float(number)), as_value(context, which))
        (condition, yes, no), how = aligned(context, (test, cases[number], result))
        result = call(context, nnspec.Where(), condition, yes, no, like=how)
    return result


@primitive("convert_element_type")
def convert_element_type(context: Context, params: Any, x: Value) -> Value:
    to = kind(context, params["new_dtype"])
    return x if dtype(context, x) == to else call(context, nnspec.AsType(to), x)


@primitive("stop_gradient")
def stop_gradient(context: Context, params: Any, x: Value) -> Value:
    """The gradient of what is added and taken away again does not matter: the maximum in softmax and logsumexp."""
    if dtype(context, x) == "float" and not _is_extreme(context, x):
        refuse(
            context,
            "stop_gradient has no counterpart: the spec's values have the gradients of their formulas. Leave it out "
            "for inference, or freeze parameters by the optimizer (Frozen)",
        )
    return x


def _is_extreme(context: Context, x: Value) -> bool:
    """Whether a value is a maximum, or a number in its place where it is infinite."""
    found = context.assembly.made(x)
    if found is None:
        return False
    if isinstance(found.layer, nnspec.Where | nnspec.ExpandDims | nnspec.Reshape | nnspec.Permute | nnspec.BroadcastTo):
        return any(_is_extreme(context, given) for given in found.inputs)
    return isinstance(found.layer, nnspec.Max | nnspec.Min)


@primitive("nextafter", "shift_left", "shift_right_arithmetic", "shift_right_logical", "population_count", "clz")
def bits(context: Context, params: Any, *operands: Operand) -> Value:
    refuse(context, "operations on the bits of numbers have no counterpart: nnspec has logic on booleans")
