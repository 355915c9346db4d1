"""Products and sums of several tensors: matrices, equations of Einstein's summation, products of vectors.

All of them are equations. One of a tensor with a batch and a variable is a layer whose kernel that is; one of two
tensors with a batch is a product of matrices where it can be, else an ``einsum``.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import nnspec
from nnspec.layers.base import Layer
from nnspec.porting.assembly import Value
from nnspec_tensorflow.porting.convert import Context
from nnspec_tensorflow.porting.operations.arrangement import squeezed
from nnspec_tensorflow.porting.operations.elementwise import multiply
from nnspec_tensorflow.porting.operations.logic import brought, promoted
from nnspec_tensorflow.porting.operations.operand import (
    FIXED,
    Known,
    Turned,
    array,
    is_fixed,
    is_variable,
    refusal,
    view_of,
)
from nnspec_tensorflow.porting.operations.operation import operation
from nnspec_tensorflow.porting.operations.variables import cast, done, owning, read, shape_of
from nnspec_tensorflow.porting.tracked import View, tracked
from nnspec_tensorflow.startup import keras

_NP = keras.src.ops.numpy


@operation(_NP.Matmul)
def matmul(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    return product(context, x1, x2)


def product(context: Context, x1: Any, x2: Any, *, part: str | None = None) -> Value:
    """The product of matrices, which are the last two axes, or of vectors, as NumPy multiplies them."""
    dtype = promoted(context, x1, x2)
    x1, x2 = (brought(context, x, "float", "float") for x in (x1, x2))
    if _as_matrices(context, x1, x2):
        operand = read(context, x1)
        value = done(context, nnspec.Matmul(), x1, x2, view=operand.view, part=part)
    else:
        x1, x2, terms, result = _spelled(context, x1, x2)
        value = contracted(context, terms, result, [x1, x2], part=part)
    return value if dtype == "float" else cast(context, value, "int32")


def _as_matrices(context: Context, *xs: Any) -> bool:
    """Whether two tensors with a batch are matrices for each example."""
    if not all(isinstance(x, Value) for x in xs):
        return False
    one, other = (read(context, x) for x in xs)
    batch = one.view.axis
    alike = one.view == other.view and one.rank == other.rank >= 3
    return alike and batch is not None and batch < one.rank - 2


def _spelled(context: Context, x1: Any, x2: Any) -> tuple[Any, Any, list[str], str]:
    """The letters of a product of matrices; axes of size 1 that meet larger ones are taken away."""
    xs, shapes = [x1, x2], [shape_of(context, x) for x in (x1, x2)]
    leading = [list(shape[:-2]) for shape in shapes]
    width = max(map(len, leading))
    letters = ascii_letters[:width]
    terms = []
    for i, (shape, other) in enumerate(zip(shapes, leading[::-1], strict=True)):
        own = letters[width - len(leading[i]) :]
        for axis in range(len(leading[i]) - 1, -1, -1):
            across = axis - len(leading[i]) + len(other)
            if shape[axis] == 1 and across >= 0 and other[across] != 1:
                xs[i], own = _without(context, xs[i], axis), own[:axis] + own[axis + 1 :]
        matrix = ("yx"[2 - len(shape) :] if i == 0 else "xz"[: len(shape)]) if len(shape) < 2 else ("yx", "xz")[i]
        terms.append(own + matrix)
    kept = "".join(letter for letter in letters if any(letter in term for term in terms))
    result = kept + "".join(letter for letter in "yz" if any(letter in term for term in terms))
    return xs[0], xs[1], terms, result


def _without(context: Context, x: Any, axis: int) -> Any:
    """An operand without an axis of size 1."""
    return Known(array(x).squeeze(axis)) if is_fixed(x) else squeezed(context, read(context, x).value, axis, part="row")


@operation(_NP.Dot)
def dot(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    n, m = len(shape_of(context, x1)), len(shape_of(context, x2))
    if not n or not m:
        return multiply(op, context, x1, x2)
    one, other = ascii_letters[:n], ascii_letters[n : n + m]
    place = max(m - 2, 0)
    other = other[:place] + one[-1] + other[place + 1 :]
    return contracted(context, [one, other], one[:-1] + other.replace(one[-1], ""), [x1, x2])


@operation(_NP.Tensordot)
def tensordot(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    n, m = len(shape_of(context, x1)), len(shape_of(context, x2))
    axes = op.axes
    if isinstance(axes, int):
        axes = (list(range(n - axes, n)), list(range(axes)))
    first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    one, other = list(ascii_letters[:n]), list(ascii_letters[n : n + m])
    for a, b in zip(first, second, strict=True):
        other[b] = one[a]
    summed = {one[a] for a in first}
    result = "".join(letter for letter in [*one, *other] if letter not in summed)
    return contracted(context, ["".join(one), "".join(other)], result, [x1, x2])


@operation(_NP.Inner)
def inner(op: Any, context: Context, x1: Any, x2: Any) -> Value:
    n, m = len(shape_of(context, x1)), len(shape_of(context, x2))
    one, other = ascii_letters[:n], ascii_letters[n : n + m - 1]
    return contracted(context, [one, other + one[-1]], one[:-1] + other, [x1, x2])


@operation(_NP.Einsum)
def einsum(op: Any, context: Context, *operands: Any, **kwargs: Any) -> Value:
    left, arrow, result = op.subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    ranks = [len(shape_of(context, x)) for x in operands]
    free = [letter for letter in ascii_letters if letter not in op.subscripts]
    most = max(rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True))
    dots = "".join(free[:most])
    spelled = []
    for term, rank in zip(terms, ranks, strict=True):
        own = dots[len(dots) - (rank - len(term.replace("...", ""))) :] if "..." in term else ""
        spelled.append(term.replace("...", own))
    if not arrow:
        once = [x for x in sorted(left.replace("...", "").replace(",", "")) if left.count(x) == 1]
        result = ("..." if "..." in left else "") + "".join(once)
    return contracted(context, spelled, result.replace("...", dots), list(operands))


def contracted(
    context: Context, terms: Sequence[str], result: str, xs: Sequence[Any], *, part: str | None = None
) -> Value:
    """An equation of tensors, a letter for each of their axes."""
    said = f"{','.join(terms)}->{result}"
    if any(len(set(term)) < len(term) for term in (*terms, result)):
        raise refusal(context, f"the diagonal in {said}", "use ops.diagonal")
    dtype = promoted(context, *xs)
    xs = [brought(context, x, "float", "float") for x in xs]
    views = [view_of(context, x) for x in xs]
    batches = {term[view.axis] for term, view in zip(terms, views, strict=True) if view.axis is not None}
    factors = {view.factor for view in views if view.axis is not None}
    batch = batches.pop() if batches else ""
    if batches or len(factors) > 1 or (batch and batch not in result):
        raise refusal(context, f"{said} multiplies or sums examples with each other")
    if any(batch and batch in term and view.axis is None for term, view in zip(terms, views, strict=True)):
        raise refusal(context, f"{said} has a tensor of a batch of fixed size")
    view = View(result.index(batch), factors.pop()) if batch else FIXED
    free = [letter for letter in ascii_letters if letter not in said]
    # The letters in the graph: that of the batch, that of what is joined with it, and the others.
    head, merged = batch or free[0], free[1] if view.factor > 1 else ""
    own = [
        head + (merged if v.axis is not None else "") + term.replace(head, "")
        for term, v in zip(terms, views, strict=True)
    ]
    target = head + merged + result.replace(head, "")
    value = _multiplied(context, own, target, list(xs), view, part)
    return value if dtype == "float" else cast(context, value, "int32")


def _multiplied(context: Context, terms: list[str], result: str, xs: list[Any], view: View, part: str | None) -> Value:
    """The equation in the graph, by a layer with a kernel if one of two is a variable that is trained."""
    if len(xs) == 2:
        for i in (0, 1):
            variable = xs[i].variable if isinstance(xs[i], Turned) else xs[i]
            if isinstance(xs[1 - i], Value) and is_variable(variable) and variable.trainable:
                term = terms[i][1:]
                if isinstance(xs[i], Turned):
                    term = "".join(term[xs[i].axes.index(axis)] for axis in range(len(term)))
                return _by_kernel(context, terms[1 - i], term, result, xs[1 - i], variable, view, part)
    values = [read(context, x).value for x in xs]
    return done(context, nnspec.Einsum(f"{','.join(terms)}->{result}"), *values, view=view, part=part)


def _by_kernel(
    context: Context, x: str, kernel: str, result: str, value: Value, variable: Any, view: View, part: str | None
) -> Value:
    """A layer whose kernel is the variable: a Dense, an Unembedding where it is a table, or an EinsumDense."""
    sizes = tuple(int(size) for size in variable.shape)
    layer: Layer
    key = "kernel"
    if len(kernel) == 2 and result == x[:-1] + kernel[1] and x[-1] == kernel[0]:
        layer = nnspec.Dense(sizes[1], use_bias=False)
    elif len(kernel) == 2 and result == x[:-1] + kernel[0] and x[-1] == kernel[1] and _is_table(context, variable):
        layer, key = nnspec.Unembedding(sizes[0]), "embedding"
    else:
        layer = nnspec.EinsumDense(f"{x},{kernel}->{result}", sizes)
    otherwise = nnspec.Einsum(f"{x},{x[0]}{kernel}->{result}"), lambda table: (value, table)
    return owning(context, layer, key, variable, value, otherwise, view=view, part=part)


def _is_table(context: Context, variable: Any) -> bool:
    """Whether a variable is that of an Embedding."""
    seen = tracked(context.assembly)
    uses = [use.layer for use in seen.uses.get(id(variable), ())]
    held = seen.holders.get(id(variable))
    return any(isinstance(layer, nnspec.Embedding) for layer in [*uses, *([held[0]] if held else [])])
