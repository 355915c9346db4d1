# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp


def adaptive_pool(
    x: jax.Array, output_size: tuple[int, ...], reduce: Callable[..., jax.Array]
) -> jax.Array:
    """Each axis between batch and channels cut into parts that may overlap by one."""
    for axis, count in enumerate(output_size, 1):
        size = x.shape[axis]
        starts = [i * size // count for i in range(count)]
        ends = [-(-(i + 1) * size // count) for i in range(count)]
        cuts = zip(starts, ends, strict=True)
        parts = [jax.lax.slice_in_dim(x, *cut, axis=axis) for cut in cuts]
        x = jnp.concatenate([reduce(part, axis, keepdims=True) for part in parts], axis)
    return x
