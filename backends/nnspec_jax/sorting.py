"""Order along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from nnspec import sorting as specs
from nnspec_jax.realize import Context, build

Function = Callable[[jax.Array], jax.Array]


def _falling(x: jax.Array) -> jax.Array:
    """Numbers in the opposite order; −x would leave int32."""
    return -x if jnp.issubdtype(x.dtype, jnp.floating) else ~x


@build.register(specs.ArgMax)
@build.register(specs.ArgMin)
def extreme(spec: specs.ArgMax | specs.ArgMin, context: Context) -> Function:
    def place(x: jax.Array) -> jax.Array:
        x = _falling(x) if isinstance(spec, specs.ArgMin) else x
        options: dict[str, Any] = {"axis": spec.axis, "keepdims": spec.keepdims}
        if spec.ties == "first":  # as JAX, of NaN too
            return jnp.argmax(x, **options).astype(jnp.int32)
        return (x.shape[spec.axis] - 1 - jnp.argmax(jnp.flip(x, spec.axis), **options)).astype(jnp.int32)

    return place


def order(x: jax.Array, axis: int, descending: bool) -> jax.Array:
    """The indices of a stable sort. JAX sorts NaN behind all numbers, of either sign, and takes −0 for 0."""
    x = jax.lax.stop_gradient(x)
    return jnp.argsort(_falling(x) if descending else x, axis=axis, stable=True).astype(jnp.int32)


@build.register
def sort(spec: specs.Sort, context: Context) -> Function:
    return lambda x: jnp.take_along_axis(x, order(x, spec.axis, spec.descending), spec.axis)


@build.register
def arg_sort(spec: specs.ArgSort, context: Context) -> Function:
    return lambda x: order(x, spec.axis, spec.descending)


@build.register
def top_k(spec: specs.TopK, context: Context) -> Function:
    def first(x: jax.Array) -> jax.Array:
        found = jax.lax.slice_in_dim(order(x, spec.axis, spec.largest), 0, spec.k, axis=spec.axis)
        return found if spec.output == "indices" else jnp.take_along_axis(x, found, spec.axis)

    return first
