"""Products of arrays: ``dot_general`` as an equation of Einstein's summation, of values or of a value and a kernel."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Any

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Free, Layout, primitive
from nnspec_jax.porting.primitives.alignment import constant
from nnspec_jax.porting.primitives.operands import FREE, Operand, as_type, call, fixed, layout, rank, refuse
from nnspec_jax.porting.primitives.variables import variable

_LETTERS = ascii_lowercase[1:] + ascii_uppercase


@primitive("dot_general", parameters=True)
def dot_general(context: Context, params: Any, x: Operand | Free, y: Operand | Free) -> Value:
    (summed_x, summed_y), (paired_x, paired_y) = params["dimension_numbers"]
    axes_x = dict.fromkeys(range(_rank(context, x)), "")
    axes_y = dict.fromkeys(range(_rank(context, y)), "")
    letters = iter(_LETTERS)
    for i, j in [*zip(paired_x, paired_y, strict=True), *zip(summed_x, summed_y, strict=True)]:
        axes_x[i] = axes_y[j] = _named(context, x, i, y, j, letters, summed=i in summed_x)
    for operand, axes in ((x, axes_x), (y, axes_y)):
        for axis, name in axes.items():
            axes[axis] = name or _own(context, operand, axis, letters)
    result = [
        *(axes_x[i] for i in paired_x),
        *(name for i, name in axes_x.items() if i not in (*paired_x, *summed_x)),
        *(name for j, name in axes_y.items() if j not in (*paired_y, *summed_y)),
    ]
    return _product(context, (x, axes_x), (y, axes_y), result)


def _rank(context: Context, x: Operand | Free) -> int:
    return x.array.ndim if isinstance(x, Free) else rank(context, x)


def _batched(context: Context, x: Operand | Free) -> Layout:
    return layout(context, x) if isinstance(x, Value) else FREE


def _own(context: Context, x: Operand | Free, axis: int, letters: Any) -> str:
    """Letters of an axis that one operand has alone: "a" and those joined with it for that of the batch."""
    how = _batched(context, x)
    return "a" + "".join(next(letters) for _ in how.joined) if axis == how.axis else next(letters)


def _named(
    context: Context, x: Operand | Free, i: int, y: Operand | Free, j: int, letters: Any, *, summed: bool
) -> str:
    """Letters of an axis that both operands have."""
    one, other = _batched(context, x), _batched(context, y)
    if i != one.axis and j != other.axis:
        return next(letters)
    if summed:
        refuse(context, "a product sums over the batch axis: in nnspec examples of a batch know nothing of each other")
    if i != one.axis or j != other.axis or (one.before, one.after) != (other.before, other.after):
        refuse(context, "a product pairs the batch axis of one operand with another axis of the other")
    return _own(context, x, i, letters)


def _term(context: Context, x: Operand | Free, axes: dict[int, str]) -> str:
    """The letters of an operand's node, the batch's first."""
    names = axes.values()
    joined = [name if len(name) == 1 else name[1:] for name in names if name != "a"]
    return "a" + "".join(joined) if isinstance(x, Value) else "".join(joined)


def _product(context: Context, x: Any, y: Any, result: list[str]) -> Value:
    batch = [i for i, name in enumerate(result) if name.startswith("a")]
    if len(batch) > 1:
        refuse(context, "a product of all examples with each other: in nnspec examples know nothing of each other")
    how = next((h for h in (_batched(context, x[0]), _batched(context, y[0])) if h.axis is not None), FREE)
    like = Layout(batch[0], how.before, how.after) if batch else FREE
    out = "a" + "".join(name[1:] if name.startswith("a") else name for name in result)
    for (value, axes), (kernel, kernel_axes) in ((x, y), (y, x)):
        if isinstance(kernel, Free) and isinstance(value, Value):
            return _by_kernel(context, value, _term(context, value, axes), kernel, kernel_axes, out, like)
    values = [_as_value(context, operand) for operand, _ in (x, y)]
    terms = [_term(context, value, axes) for value, (_, axes) in zip(values, (x, y), strict=True)]
    return _of_values(context, values, terms, out, like)


def _as_value(context: Context, x: Operand | Free) -> Value:
    value = variable(context, x) if isinstance(x, Free) else x if isinstance(x, Value) else constant(context, x)
    return as_type(context, value, "float")


def _of_values(context: Context, values: list[Value], terms: list[str], out: str, like: Layout) -> Value:
    x, y = terms
    if x[:-1] == out[:-1] == y[:-2] + x[-2:-1] and len(x) > 2 and y[-2:] == x[-1] + out[-1]:
        return call(context, nnspec.Matmul(), *values, like=like)
    return call(context, nnspec.Einsum(f"{x},{y}->{out}"), *values, like=like)


def _by_kernel(
    context: Context, x: Value, term: str, kernel: Free, axes: dict[int, str], out: str, like: Layout
) -> Value:
    """A product with parameters: a Dense or an EinsumDense without bias, or an Unembedding of an Embedding's table."""
    x = as_type(context, x, "float")
    letters = "".join(axes.values())
    if kernel.turned is not None and kernel.turned.array.ndim == 2:
        kernel, letters = kernel.turned, letters[::-1]
    sizes = fixed(context, kernel.array.shape)
    layer: Any = nnspec.EinsumDense(f"{term},{letters}->{out}", sizes)
    name = "kernel"
    if len(letters) == 2 and term[-1:] + out[-1:] == letters and term[:-1] == out[:-1]:
        layer = nnspec.Dense(sizes[1], use_bias=False)
    elif len(letters) == 2 and out[-1:] + term[-1:] == letters and term[:-1] == out[:-1]:
        layer, name = nnspec.Unembedding(sizes[0]), "embedding"  # which a table of an Embedding can be shared with
    return call(context, layer, x, like=like, variables={name: kernel.array}, owner=kernel.owner)


@primitive("ragged_dot_general", "scaled_dot")
def others(context: Context, params: Any, *operands: Any) -> Value:
    refuse(context, "products of ragged or quantized arrays have no counterpart")
