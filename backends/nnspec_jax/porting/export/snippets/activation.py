# mypy: ignore-errors

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


def thresholded_relu(
    x: jax.Array,
    threshold: float,
    negative_slope: float = 0.0,
    max_value: float | None = None,
) -> jax.Array:
    """x above the threshold, up to a largest value; a line below."""
    y = jnp.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else jnp.minimum(y, max_value)


def hard_shrink(x: jax.Array, threshold: float) -> jax.Array:
    """x, and 0 where it is at most the threshold."""
    return jnp.where(jnp.abs(x) <= threshold, 0.0, x)


def soft_shrink(x: jax.Array, threshold: float) -> jax.Array:
    """x, nearer to 0 by the threshold."""
    moved = jnp.where(x > 0, x - threshold, x + threshold)
    return jnp.where(jnp.abs(x) <= threshold, 0.0, moved)


def tanh_shrink(x: jax.Array) -> jax.Array:
    """x − tanh(x)."""
    return x - jnp.tanh(x)


def threshold(x: jax.Array, threshold: float, value: float) -> jax.Array:
    """x above the threshold, else a value."""
    return jnp.where(x > threshold, x, value)


def sparsemax(x: jax.Array, axis: int = -1) -> jax.Array:
    """The probabilities nearest to x along an axis (arXiv:1602.02068)."""
    z = jnp.moveaxis(x, axis, -1)
    falling = -jnp.sort(-z, axis=-1)
    sums = jnp.cumsum(falling, axis=-1)
    ranks = jnp.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    size = jnp.sum(1 + ranks * falling > sums, axis=-1, keepdims=True)
    excess = jnp.take_along_axis(sums, size - 1, axis=-1) - 1
    return jnp.moveaxis(nnx.relu(z - excess / size.astype(z.dtype)), -1, axis)


def standardize(x: jax.Array, axis: int = -1, epsilon: float = 1e-5) -> jax.Array:
    """x with mean 0 and variance 1 along an axis."""
    centered = x - x.mean(axis, keepdims=True)
    variance = jnp.square(centered).mean(axis, keepdims=True)
    return centered * jax.lax.rsqrt(variance + epsilon)


class PReLU(nnx.Module):
    """Leaky ReLU with a learned slope for each channel."""

    def __init__(self, features: int) -> None:
        self.slope = nnx.Param(jnp.full((features,), 0.25))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(x > 0, x, self.slope[...] * x)
