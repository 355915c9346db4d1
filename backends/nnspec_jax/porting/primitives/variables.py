"""Parameters that a model's own code uses, as nodes."""

from __future__ import annotations

import nnspec
from nnspec.porting.assembly import Value
from nnspec_jax.porting.convert import Context, Free
from nnspec_jax.porting.primitives.operands import FREE, refuse, seen_as


def variable(context: Context, free: Free) -> Value:
    """A node that gives each example the parameters, as JAX sees them."""
    if context.anchor is None:
        refuse(context, "parameters are used where the model has no input")
    # A transposed matrix is a node of its own, so that the variable is the one that other nodes may share.
    source = free.turned if free.turned is not None and free.array.ndim == 2 else free
    value = context.call(
        nnspec.Parameter(tuple(source.array.shape)),
        context.anchor,
        variables={"value": source.array},
        owner=source.owner,
        part="parameter",
    )
    if source is not free:
        value = context.call(nnspec.Permute((2, 1)), value, part="transpose")
    return seen_as(context, value, FREE)
