"""Reductions along axes and over windows, and sorting."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.errors import PortError
from nnspec.stablehlo.module import Block, Operation
from nnspec_jax.porting.hlo.evaluate import Run, rule
from nnspec_jax.stablehlo.dimensions import windows

# Of a body's one operation: the reduction, what joins two values, and what changes nothing.
_REDUCTIONS: dict[str, tuple[Any, Any, Any]] = {
    "add": (lax.reduce_sum, lax.add, 0),
    "multiply": (lax.reduce_prod, lax.mul, 1),
    "maximum": (lax.reduce_max, lax.max, -np.inf),
    "minimum": (lax.reduce_min, lax.min, np.inf),
    "and": (lax.reduce_and, lax.bitwise_and, True),
    "or": (lax.reduce_or, lax.bitwise_or, False),
}


def _body(block: Block) -> str:
    """The one operation of both arguments that a body consists of, with casts around it; "" for others."""
    names = [one.name for one in block.operations if one.name != "convert"]
    return names[0] if len(names) == 1 and names[0] in _REDUCTIONS and len(block.returned) == 1 else ""


def _identity(name: str, dtype: Any) -> Any:
    given = _REDUCTIONS[name][2]
    if np.dtype(dtype).kind in "iu" and np.isinf(given):
        return (np.iinfo(dtype).min if given < 0 else np.iinfo(dtype).max) if name in ("maximum", "minimum") else given
    return np.asarray(given, dtype)


@rule("reduce")
def reduce(run: Run, operation: Operation, *given: Any, values: Any) -> Any:
    axes = tuple(operation.attributes["dimensions"])
    if len(given) == 4:
        return _place(run, operation, given, axes)
    if len(given) != 2 or not _body(operation.blocks[0]):
        raise PortError(f"{run.where(operation)} with a body of its own has no counterpart in nnspec")
    x, start = given
    name = _body(operation.blocks[0])
    function, join, _ = _REDUCTIONS[name]
    made = function(x, axes)
    if isinstance(start, np.ndarray) and start.reshape(-1)[0] == _identity(name, start.dtype):
        return made
    return join(made, lax.broadcast(start, made.shape))


def _place(run: Run, operation: Operation, given: Any, axes: tuple[int, ...]) -> Any:
    """The largest or smallest element, and where it is."""
    x, where, *_ = given
    body = operation.blocks[0]
    ways = [one.attributes["comparison_direction"] for one in body.operations if one.name == "compare"]
    first = body.operations[0] if body.operations else None
    counts = isinstance(where, np.ndarray) and len(axes) == 1 and _counts(where, axes[0])
    if first is None or first.name != "compare" or not counts or not any(w[0] in "GL" for w in ways):
        raise PortError(f"{run.where(operation)} with a body of its own has no counterpart in nnspec")
    way = next(w for w in ways if w[0] in "GL")
    largest = way[0] == "G"
    index = run.dtype(operation.types[1])
    at = (lax.argmax if largest else lax.argmin)(x, axes[0], index)
    return [(lax.reduce_max if largest else lax.reduce_min)(x, axes), at]


def _counts(where: Any, axis: int) -> bool:
    line = np.arange(where.shape[axis]).reshape([-1 if i == axis else 1 for i in range(where.ndim)])
    return bool((where == line).all())


@rule("reduce_window")
def reduce_window(run: Run, operation: Operation, *given: Any, values: Any) -> Any:
    a = operation.attributes
    if len(given) != 2 or not _body(operation.blocks[0]):
        raise PortError(f"{run.where(operation)} with a body of its own has no counterpart in nnspec")
    x, start = given
    name = _body(operation.blocks[0])
    if not isinstance(start, np.ndarray) or start.reshape(-1)[0] != _identity(name, start.dtype):
        raise PortError(f"{run.where(operation)}: windows that begin with another value have no counterpart in nnspec")
    running = _running(x.shape, a)
    if running is not None and name in _RUNNING:
        return _RUNNING[name](x, *running)
    return lax.reduce_window(
        jnp.asarray(x),
        np.asarray(_identity(name, x.dtype), x.dtype),
        _REDUCTIONS[name][1],
        a["window_dimensions"],
        *windows(a, x.ndim, "window_strides", "base_dilations", "window_dilations"),
    )


_RUNNING: dict[str, Any] = {
    "add": lambda x, axis, back: lax.cumsum(x, axis, reverse=back),
    "multiply": lambda x, axis, back: lax.cumprod(x, axis, reverse=back),
    "maximum": lambda x, axis, back: lax.cummax(x, axis, reverse=back),
    "minimum": lambda x, axis, back: lax.cummin(x, axis, reverse=back),
}


def _running(shape: tuple[int, ...], a: Any) -> tuple[int, bool] | None:
    """The axis, and whether from its end, if each window has all elements up to one: a running sum, say."""
    axes = [i for i, size in enumerate(a["window_dimensions"]) if size != 1]
    if len(axes) != 1 or a.get("padding") is None:
        return None
    (axis,) = axes
    size = shape[axis]
    margins = [(int(low), int(high)) for low, high in a["padding"]]
    steps = [*(a.get("window_strides") or ()), *(a.get("base_dilations") or ()), *(a.get("window_dilations") or ())]
    others = [pair for i, pair in enumerate(margins) if i != axis]
    if a["window_dimensions"][axis] != size or any(step != 1 for step in steps) or any(map(any, others)):
        return None
    return (axis, margins[axis][1] != 0) if margins[axis] in ((size - 1, 0), (0, size - 1)) else None


@rule("sort")
def sort(run: Run, operation: Operation, *given: Any, values: Any) -> Any:
    body = operation.blocks[0]
    axis = operation.attributes["dimension"]
    ways = [one for one in body.operations if one.name == "compare"]
    keyed = ways and {*ways[0].operands} == {*body.arguments[:2]} and len(body.operations) == 1
    if not keyed or ways[0].attributes["comparison_direction"] not in ("LT", "GT"):
        raise PortError(f"{run.where(operation)} in an order of its own has no counterpart in nnspec")
    first = ways[0].operands[0] == body.arguments[0]
    up = (ways[0].attributes["comparison_direction"] == "LT") == first
    operands = [jnp.asarray(x) for x in given]
    if up:
        return list(lax.sort(operands, dimension=axis, is_stable=True, num_keys=1))
    if len(operands) == 1:
        return [lax.rev(lax.sort(operands[0], dimension=axis), (axis,))]
    # Descending and stable: by the negative.
    _, *rest = lax.sort([-operands[0], *operands], dimension=axis, is_stable=True, num_keys=1)
    return rest
