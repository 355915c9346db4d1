"""Functions of ``jax.nn`` and ``jax.numpy`` that JAX compiles by themselves, as the layer that computes the same.

JAX's function is traced again with the options that the layer would have. Only if that gives what stands in the model
is it the layer; otherwise its equations are converted one by one, as are those of functions whose derivative at a kink
is another one than the layer's: leaky ReLU and hard tanh have that of their right piece in JAX, ``clip`` half of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import CALLS, Context, Layout, NoConversionError, call as named
from nnspec_jax.porting.primitives.elementwise import joined, through_floats
from nnspec_jax.porting.primitives.operands import (
    Operand,
    call,
    kind,
    layout,
    place,
    place_in,
    rank,
    same,
    step,
)

# What is tried: the function with its options, and what makes the layer of the first operand's node.
Trial = tuple[Callable[..., Any], Callable[[], Layer]]


def _within(params: Any) -> Any:
    return params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]


def _text(jaxpr: Any) -> str:
    """A jaxpr as it reads, without the places of objects in memory."""
    return re.sub(r"0x[0-9a-f]+", "", str(jaxpr))


def equals(params: Any, function: Callable[..., Any]) -> bool:
    """Whether an equation computes what a function of JAX's does on operands of the same types."""
    inside = _within(params)
    avals = [jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type) for aval in inside.in_avals]
    try:
        made = jax.make_jaxpr(function)(*avals)
    except Exception:  # options that JAX refuses for these operands
        return False
    equations = made.jaxpr.eqns
    if len(equations) != 1:
        return False
    own = equations[0].params
    return ("jaxpr" in own or "call_jaxpr" in own) and _text(_within(own)) == _text(inside)


def _unary(name: str, function: Callable[..., Any], layer: Layer) -> None:
    @named(name)
    def convert_it(context: Context, params: Any, x: Value) -> Value:
        if not equals(params, function):
            raise NoConversionError(name)
        return through_floats(context, layer, x)


_UNARY: dict[str, tuple[Callable[..., Any], Layer]] = {
    "hard_sigmoid": (jax.nn.hard_sigmoid, nnspec.HardSigmoid()),
    "hard_silu": (jax.nn.hard_silu, nnspec.HardSilu()),
    "isinf": (jnp.isinf, nnspec.IsInf()),
    "isnan": (jnp.isnan, nnspec.IsNaN()),
    "log2": (jnp.log2, nnspec.Log2()),
    "log10": (jnp.log10, nnspec.Log10()),
    "log_sigmoid": (jax.nn.log_sigmoid, nnspec.LogSigmoid()),
    "mish": (jax.nn.mish, nnspec.Mish()),
    "relu": (jax.nn.relu, nnspec.ReLU()),
    "relu6": (jax.nn.relu6, nnspec.ReLU6()),
    "selu": (jax.nn.selu, nnspec.SELU()),
    "silu": (jax.nn.silu, nnspec.Silu()),
    "soft_sign": (jax.nn.soft_sign, nnspec.SoftSign()),
    "softplus": (jax.nn.softplus, nnspec.Softplus()),
    "sparse_plus": (jax.nn.sparse_plus, nnspec.SparsePlus()),
    "trunc": (jnp.trunc, nnspec.Trunc()),
}
for _name, (_function, _layer) in _UNARY.items():
    _unary(_name, _function, _layer)


def _with_number(name: str, function: Callable[..., Any], layer: Callable[..., Layer]) -> None:
    """A function whose second operand is a number; a default one is not among the operands."""

    @named(name)
    def convert_it(context: Context, params: Any, x: Operand, *number: Operand) -> Value:
        if not isinstance(x, Value) or any(isinstance(n, Value) or n.ndim for n in number):
            raise NoConversionError(name)
        if not equals(params, function):
            raise NoConversionError(name)
        try:
            made = layer(*map(float, number))  # type: ignore[arg-type]
        except ValueError:  # a number that the layer refuses
            raise NoConversionError(name) from None
        return call(context, made, x)


_with_number("celu", jax.nn.celu, nnspec.CELU)
_with_number("elu", jax.nn.elu, nnspec.ELU)
_with_number("squareplus", jax.nn.squareplus, nnspec.Squareplus)


def _axes(context: Context, x: Value) -> Iterator[int]:
    """The axes that are not the batch's, the last first, as JAX numbers them."""
    how = layout(context, x)
    yield from (axis for axis in reversed(range(rank(context, x))) if axis != how.axis)


def _spelled(axis: int, count: int) -> tuple[int, int]:
    return axis, axis - count


def _along(
    context: Context, params: Any, x: Value, function: Callable[..., Any], layer: Callable[[int], Layer]
) -> Value:
    """A function along an axis, which is found by trying."""
    count = rank(context, x)
    for axis in _axes(context, x):
        for spelled in _spelled(axis, count):
            if equals(params, partial(function, axis=spelled)):
                at = place(context, x, axis, "computes along")
                return call(context, layer(-1 if at == len(context.shapes[x]) - 1 else at), x)
    raise NoConversionError(function.__name__)


@named("glu")
def glu(context: Context, params: Any, x: Value) -> Value:
    return _along(context, params, x, jax.nn.glu, nnspec.GLU)


@named("log_softmax")
def log_softmax(context: Context, params: Any, x: Value) -> Value:
    return _along(context, params, x, jax.nn.log_softmax, nnspec.LogSoftmax)


@named("_softmax", "softmax")
def softmax(context: Context, params: Any, x: Value, *others: Operand) -> Value:
    if len(others) > 1 or any(isinstance(other, Value) or same(other) != -np.inf for other in others):
        raise NoConversionError("softmax")
    return _along(context, params, x, _softmax, nnspec.Softmax)


def _softmax(x: Any, *initial: Any, axis: int) -> Any:
    return jax.nn.softmax(x, axis)


@named("standardize")
def standardize(context: Context, params: Any, x: Value, *others: Operand) -> Value:
    if len(others) > 1 or any(isinstance(other, Value) or other.ndim for other in others):
        raise NoConversionError("standardize")
    epsilon = float(others[0]) if others else 1e-5  # type: ignore[arg-type]
    for algorithm in ("fast", "stable"):
        try:
            return _along(
                context,
                params,
                x,
                partial(_standardize, algorithm=algorithm),
                lambda axis: nnspec.Standardize(axis, epsilon),
            )
        except NoConversionError:
            continue
    raise NoConversionError("standardize")


def _standardize(x: Any, *epsilon: Any, axis: int, algorithm: str) -> Any:
    given = {"epsilon": epsilon[0]} if epsilon else {}
    own = {} if algorithm == "fast" else {"algorithm": algorithm}
    return jax.nn.standardize(x, **({} if axis == -1 else {"axis": axis}), **given, **own)


@named("_one_hot")
def one_hot(context: Context, params: Any, x: Value) -> Value:
    (out,) = _within(params).out_avals
    how, count = layout(context, x), rank(context, x) + 1
    for axis in reversed(range(count)):
        classes = out.shape[axis]
        for spelled in _spelled(axis, count):
            if not equals(params, partial(jax.nn.one_hot, num_classes=classes, dtype=out.dtype, axis=spelled)):
                continue
            like = how if how.axis is None or axis > how.axis else Layout(how.axis + 1, how.before, how.after)
            at = place_in(context, like, axis, "adds")
            to, layer = kind(context, out.dtype), nnspec.OneHot(int(classes), at)
            if to == "float":
                return call(context, layer, x, like=like)
            return call(context, nnspec.AsType(to), step(context, layer, x, like=like), like=like)
    raise NoConversionError("one_hot")


def _binary(name: str, function: Callable[..., Any], layer: Layer) -> None:
    @named(name)
    def convert_it(context: Context, params: Any, x: Operand, y: Operand) -> Value:
        if not equals(params, function):
            raise NoConversionError(name)
        return joined(context, layer, x, y)


_binary("floor_divide", jnp.floor_divide, nnspec.FloorDivide())
_binary("logaddexp", jnp.logaddexp, nnspec.LogAddExp())
_binary("remainder", jnp.remainder, nnspec.Remainder())


@named("tril")
def tril(context: Context, params: Any, x: Value) -> Value:
    return _triangle(context, params, x, jnp.tril, nnspec.Tril)


@named("triu")
def triu(context: Context, params: Any, x: Value) -> Value:
    return _triangle(context, params, x, jnp.triu, nnspec.Triu)


def _triangle(context: Context, params: Any, x: Value, function: Callable[..., Any], layer: Any) -> Value:
    how, count = layout(context, x), rank(context, x)
    if how.axis is not None and how.axis >= count - 2:
        raise NoConversionError(function.__name__)
    for k in (0, 1, -1, 2, -2):
        if equals(params, partial(function, k=k)):
            return call(context, layer(k), x)
    raise NoConversionError(function.__name__)


@named("custom_jvp_call", "custom_vjp_call")
def with_derivative(context: Context, params: Any, *operands: Operand) -> Any:
    """A function with a derivative of its own, by its name."""
    inside = _within(params)
    name = getattr(getattr(inside, "jaxpr", inside).debug_info, "func_name", "") or ""
    function = CALLS.get(name.rpartition(".")[-1])
    if function is None or function is with_derivative:
        raise NoConversionError(name)
    return function(context, params, *operands)
