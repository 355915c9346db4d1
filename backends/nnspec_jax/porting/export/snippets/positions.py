# mypy: ignore-errors

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def waves(
    length: int, count: int, base: float, dtype: jnp.dtype
) -> tuple[jax.Array, jax.Array]:
    """Sines and cosines (length, count) of the positions, computed in float64."""
    frequencies = np.power(base, -np.arange(count) / count)
    angles = np.arange(length)[:, None] * frequencies
    return jnp.asarray(np.sin(angles), dtype), jnp.asarray(np.cos(angles), dtype)


def sinusoidal_positions(
    x: jax.Array, base: float = 10000.0, pairs: str = "interleaved"
) -> jax.Array:
    """A wave for each position and feature (arXiv:1706.03762), in the shape of x."""
    sin, cos = waves(x.shape[1], x.shape[2] // 2, base, x.dtype)
    table = jnp.stack([sin, cos], axis=-1 if pairs == "interleaved" else -2)
    return jnp.broadcast_to(table.reshape(x.shape[1:]), x.shape)


def rotated(
    x: jax.Array,
    count: int | None = None,
    base: float = 10000.0,
    pairs: str = "interleaved",
) -> jax.Array:
    """Rotary positions (arXiv:2104.09864) of (batch, positions, ..., features)."""
    count = count or x.shape[-1]
    half = count // 2
    shape = (x.shape[1], *(1,) * (x.ndim - 3), half)
    sin, cos = (w.reshape(shape) for w in waves(x.shape[1], half, base, x.dtype))
    axis, split = (-1, (half, 2)) if pairs == "interleaved" else (-2, (2, half))
    pair = x[..., :count].reshape(*x.shape[:-1], *split)
    a, b = (jnp.take(pair, i, axis) for i in (0, 1))
    turned = jnp.stack([a * cos - b * sin, b * cos + a * sin], axis)
    turned = turned.reshape(*x.shape[:-1], count)
    return jnp.concatenate([turned, x[..., count:]], axis=-1)


class RelativePositionBias(nnx.Module):
    """A learned bias for each head and bucket of distances (arXiv:1910.10683)."""

    def __init__(
        self,
        num_heads: int,
        *,
        num_buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        init = nnx.initializers.normal(0.02)
        self.embedding = nnx.Param(init(rngs.params(), (num_buckets, num_heads)))
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.bidirectional = bidirectional

    def __call__(self, queries: jax.Array, keys: jax.Array) -> jax.Array:
        offset = np.arange(keys.shape[1]) - np.arange(queries.shape[1])[:, None]
        bias = jnp.take(self.embedding[...], self.buckets(offset), axis=0)
        bias = bias.transpose(2, 0, 1)
        return jnp.broadcast_to(bias, (queries.shape[0], *bias.shape))

    def buckets(self, offset: np.ndarray) -> np.ndarray:
        """Buckets of j - i for queries i and keys j."""
        side = self.num_buckets // 2 if self.bidirectional else self.num_buckets
        exact = side // 2
        offset = np.clip(offset, -self.max_distance, self.max_distance)
        distance = np.abs(offset) if self.bidirectional else np.maximum(-offset, 0)
        growth = np.log(np.maximum(distance, exact) / exact)
        growth = growth / np.log(self.max_distance / exact)
        large = exact + (growth * (side - exact)).astype(int)
        buckets = np.where(distance < exact, distance, np.minimum(large, side - 1))
        return buckets + side * (self.bidirectional & (offset > 0))


def alibi(queries: jax.Array, keys: jax.Array, num_heads: int) -> jax.Array:
    """A bias that falls with the distance, in each head by its slope (2108.12409)."""
    power = 2 ** (num_heads.bit_length() - 1)
    own, more = (2.0 ** (-8 * np.arange(1, n + 1) / n) for n in (power, 2 * power))
    slopes = np.concatenate([own, more[::2][: num_heads - power]])
    distance = np.abs(np.arange(keys.shape[1]) - np.arange(queries.shape[1])[:, None])
    bias = -slopes[:, None, None] * distance
    bias = jnp.asarray(bias, jnp.result_type(float))
    return jnp.broadcast_to(bias, (queries.shape[0], *bias.shape))
