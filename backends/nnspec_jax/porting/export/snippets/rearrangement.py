# mypy: ignore-errors

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def space_to_depth(x: jax.Array, size: int, channels_first: bool = False) -> jax.Array:
    """Each block of so many positions along each axis as channels of one position."""
    n = x.ndim - 2
    parts = [part for whole in x.shape[1:-1] for part in (whole // size, size)]
    blocks = x.reshape(x.shape[0], *parts, x.shape[-1])
    within, channels = range(2, 2 * n + 1, 2), 2 * n + 1
    behind = (channels, *within) if channels_first else (*within, channels)
    moved = blocks.transpose(0, *range(1, 2 * n, 2), *behind)
    return moved.reshape(*moved.shape[: n + 1], -1)


def depth_to_space(x: jax.Array, size: int, channels_first: bool = False) -> jax.Array:
    """Channels as blocks of so many positions along each axis."""
    n = x.ndim - 2
    block, rest = (size,) * n, x.shape[-1] // size**n
    parts = (rest, *block) if channels_first else (*block, rest)
    x = x.reshape(*x.shape[:-1], *parts)
    first = n + 1 + channels_first  # the first axis within a block
    pairs = [axis for i in range(n) for axis in (1 + i, first + i)]
    moved = x.transpose(0, *pairs, n + 1 if channels_first else 2 * n + 1)
    sizes = [moved.shape[1 + 2 * i] * size for i in range(n)]
    return moved.reshape(x.shape[0], *sizes, rest)


def resize(
    x: jax.Array,
    output_size: tuple[int, ...],
    method: str = "linear",
    antialias: bool = False,
    align_corners: bool = False,
    a: float = -0.5,
    repeat_edges: bool = False,
) -> jax.Array:
    """The axes between batch and channels resampled, one after the other."""
    for axis, count in enumerate(output_size, 1):
        size = x.shape[axis]
        if method == "nearest":
            chosen = (2 * np.arange(count) + 1) * size // (2 * count)
            x = jnp.take(x, chosen, axis)
            continue
        at = (np.arange(count)[:, None] + 0.5) * size / count - 0.5
        if align_corners:
            at = np.arange(count)[:, None] * (size - 1) / max(count - 1, 1)
        stretch = min(count / size, 1.0) if antialias else 1.0
        reach = int(np.ceil((1 if method == "linear" else 2) / stretch)) + 1
        beyond = reach if repeat_edges else 0
        places = np.arange(-beyond, size + beyond)
        t = np.abs(places - at) * stretch
        if method == "linear":
            weights = np.maximum(1 - t, 0)
        else:
            near = ((a + 2) * t - (a + 3)) * t**2 + 1
            far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
            weights = np.where(t <= 1, near, np.where(t < 2, far, 0))
        weights = weights / weights.sum(1, keepdims=True)
        matrix = np.zeros((count, size))
        np.add.at(matrix.T, np.clip(places, 0, size - 1), weights.T)
        y = jnp.tensordot(jnp.asarray(matrix, x.dtype), x, (1, axis))
        x = jnp.moveaxis(y, 0, axis)
    return x
