"""Many elements made one by a body: reductions of axes and of windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from nnspec.errors import SpecError
from nnspec.reference.base import Array
from nnspec.reference.stablehlo.arrangement import padded, padded_shape
from nnspec.reference.stablehlo.evaluate import Call, rule
from nnspec.stablehlo.module import Type

# What has been made so far and the next elements, each an array for all results -> what is made of them.
Combine = Callable[[Sequence[Array], Sequence[Array]], Sequence[Array]]
_ASSOCIATIVE = frozenset({"add", "multiply", "maximum", "minimum", "and", "or"})


def combining(call: Call, count: int) -> Combine:
    """An operation's body as a function of so many results so far and as many elements.

    Raises:
        SpecError: the body does not take and give as many.
    """
    (body,) = call.blocks
    if len(body.arguments) != 2 * count or len(body.returned) != count:
        raise SpecError(f"expected a body of {2 * count} arguments and {count} results")

    def combine(so_far: Sequence[Array], elements: Sequence[Array]) -> Sequence[Array]:
        # Bodies are of one type, which may be a wider one than that of the elements.
        return call.runner.each(body, [np.asarray(x) for x in (*so_far, *elements)])

    return combine


def _parts(call: Call, operands: Sequence[Array]) -> tuple[Sequence[Array], Sequence[Array]]:
    """The arrays and what each begins with."""
    count = len(operands) // 2
    arrays, first = operands[:count], operands[count:]
    if not count or len(first) != count or any(x.shape != arrays[0].shape for x in arrays) or any(map(np.ndim, first)):
        raise SpecError("expected arrays of one shape, and a number for each to begin with")
    return arrays, first


@rule("reduce")
def reduce(call: Call, *operands: Array) -> Sequence[Array]:
    """y = body(… body(body(first, x₀), x₁) …, xₙ) over the elements along axes, in row-major order.

    Sums, products and the like are made of neighbors first, which the specification leaves open.
    """
    arrays, first = _parts(call, operands)
    rank = arrays[0].ndim
    axes = call.axes("dimensions", rank)
    kept = [axis for axis in range(rank) if axis not in axes]
    shape = tuple(arrays[0].shape[axis] for axis in kept)
    count = prod(arrays[0].shape[axis] for axis in axes)
    rows = [x.transpose((*sorted(axes), *kept)).reshape(count, *shape) for x in arrays]
    results: Sequence[Array] = [np.full(shape, one, call.computed(of)) for one, of in _typed(call, first)]
    combine = combining(call, len(arrays))
    if _in_any_order(call):
        rows = [_halved(rows[0].astype(call.dtype), combine)]
        count = len(rows[0])
    for i in range(count):
        results = combine(results, [row[i] for row in rows])
    return results


def _in_any_order(call: Call) -> bool:
    """Whether the body is one operation on both arguments that may be computed in any order."""
    (body,) = call.blocks
    if len(body.operations) != 1:
        return False
    (only,) = body.operations
    return only.name in _ASSOCIATIVE and only.operands == body.arguments and only.results == body.returned


def _halved(row: Array, combine: Combine) -> Array:
    """One element, or none, of what neighbors give that are combined again and again: so that few steps do for many."""
    while len(row) > 1:
        even = len(row) // 2 * 2
        row = np.concatenate([*combine([row[0:even:2]], [row[1:even:2]]), row[even:]])
    return row


def _typed(call: Call, first: Sequence[Array]) -> list[tuple[Array, Type]]:
    return list(zip(first, call.operation.types, strict=True))


@rule("reduce_window")
def reduce_window(call: Call, *operands: Array) -> Sequence[Array]:
    """The reduction of each window, over its elements in row-major order.

    The element k of the window p is x[(p · strides + k · window_dilations − padding) / base_dilations] where that is a
    place of x; what is only padding is left out, so that what a window begins with counts once.
    """
    arrays, first = _parts(call, operands)
    shape, rank = arrays[0].shape, arrays[0].ndim
    window = call.numbers("window_dimensions", rank)
    stride, base, dilation = (
        call.numbers(name, rank, 1) for name in ("window_strides", "base_dilations", "window_dilations")
    )
    padding = call.pairs("padding", rank)
    if any(one < 1 for one in (*window, *stride, *base, *dilation)):
        raise SpecError("expected sizes, strides and dilations of windows from 1 up")
    low, high = [before for before, _ in padding], [after for _, after in padding]
    between = [one - 1 for one in base]
    sizes = windows(padded_shape(shape, low, high, between), window, stride, dilation)
    if sizes != call.result.shape:
        raise SpecError(f"windows of {window} over {shape} are {sizes}, not {call.result}")
    present = padded(np.ones(shape, bool), False, low, high, between)
    wide = [padded(x, 0, low, high, between) for x in arrays]
    results: Sequence[Array] = [np.full(sizes, one, call.computed(of)) for one, of in _typed(call, first)]
    combine = combining(call, len(arrays))
    for k in np.ndindex(*window):
        at = tuple(
            slice(offset * d, offset * d + (size - 1) * s + 1 if size else 0, s)
            for offset, d, s, size in zip(k, dilation, stride, sizes, strict=True)
        )
        new = combine(results, [x[at] for x in wide])
        results = [np.where(present[at], after, before) for before, after in zip(results, new, strict=True)]
    return results


def windows(
    shape: Sequence[int], window: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """How many windows there are along each axis: those that lie within."""
    spans = [(k - 1) * d + 1 if k else 0 for k, d in zip(window, dilation, strict=True)]
    return tuple(
        0 if n == 0 or span > n else (n - span) // s + 1 for n, span, s in zip(shape, spans, stride, strict=True)
    )
