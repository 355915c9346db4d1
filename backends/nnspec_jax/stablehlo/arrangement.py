"""Axes moved, joined and added, arrays cut and joined, elements at places."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nnspec.stablehlo.module import Operation
from nnspec_jax.stablehlo.dimensions import gather_numbers, scatter_numbers
from nnspec_jax.stablehlo.evaluate import Run, rule


@rule("broadcast_in_dim")
def broadcast_in_dim(run: Run, operation: Operation, x: Any) -> Any:
    axes = operation.attributes["broadcast_dimensions"]
    order = sorted(range(x.ndim), key=lambda i: axes[i])
    return lax.broadcast_in_dim(lax.transpose(x, order), operation.types[0].shape, sorted(axes))


@rule("reshape")
def reshape(run: Run, operation: Operation, x: Any) -> Any:
    return lax.reshape(x, operation.types[0].shape)


@rule("transpose")
def transpose(run: Run, operation: Operation, x: Any) -> Any:
    return lax.transpose(x, operation.attributes["permutation"])


@rule("slice")
def sliced(run: Run, operation: Operation, x: Any) -> Any:
    a = operation.attributes
    return lax.slice(x, a["start_indices"], a["limit_indices"], a["strides"])


@rule("concatenate")
def concatenate(run: Run, operation: Operation, *given: Any) -> Any:
    return lax.concatenate(given, operation.attributes["dimension"])


@rule("pad")
def pad(run: Run, operation: Operation, x: Any, value: Any) -> Any:
    a = operation.attributes
    return lax.pad(
        x, value, list(zip(a["edge_padding_low"], a["edge_padding_high"], a["interior_padding"], strict=True))
    )


@rule("reverse")
def reverse(run: Run, operation: Operation, x: Any) -> Any:
    return lax.rev(x, operation.attributes["dimensions"])


@rule("iota")
def iota(run: Run, operation: Operation) -> Any:
    (of,) = operation.types
    return lax.broadcasted_iota(np.int64, of.shape, operation.attributes["iota_dimension"]).astype(run.dtype(of))


@rule("dynamic_slice")
def dynamic_slice(run: Run, operation: Operation, x: Any, *starts: Any) -> Any:
    return lax.dynamic_slice(x, starts, operation.attributes["slice_sizes"], allow_negative_indices=False)


@rule("dynamic_update_slice")
def dynamic_update_slice(run: Run, operation: Operation, x: Any, update: Any, *starts: Any) -> Any:
    return lax.dynamic_update_slice(x, update, starts, allow_negative_indices=False)


@rule("gather")
def gather(run: Run, operation: Operation, x: Any, ids: Any) -> Any:
    n = operation.attributes["dimension_numbers"]
    numbers = gather_numbers(n)
    sizes = operation.attributes["slice_sizes"]
    return lax.gather(x, vectors(ids, n["index_vector_dim"]), numbers, sizes, mode=lax.GatherScatterMode.CLIP)


def vectors(ids: Any, axis: int) -> Any:
    """Ids with their vectors along the last axis, as JAX has them."""
    return lax.expand_dims(ids, (axis,)) if axis == ids.ndim else jnp.moveaxis(ids, axis, -1)


SCATTERS = {
    "add": lax.scatter_add,
    "multiply": lax.scatter_mul,
    "minimum": lax.scatter_min,
    "maximum": lax.scatter_max,
}


@rule("scatter")
def scatter(run: Run, operation: Operation, x: Any, ids: Any, updates: Any, *, values: Any) -> Any:
    """Updates that would reach beyond the array are left out."""
    n = operation.attributes["scatter_dimension_numbers"]
    numbers = scatter_numbers(n)
    body = operation.blocks[0].operations
    function = SCATTERS[body[0].name] if body else lax.scatter
    mode = lax.GatherScatterMode.FILL_OR_DROP
    return function(x, vectors(ids, n["index_vector_dim"]), updates, numbers, mode=mode)
