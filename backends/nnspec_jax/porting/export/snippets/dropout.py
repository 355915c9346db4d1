# mypy: ignore-errors

from __future__ import annotations

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class AlphaDropout(nnx.Module):
    """Dropout for SELU, which keeps mean and variance (arXiv:1706.02515)."""

    def __init__(
        self, rate: float, broadcast_dims: Sequence[int] = (), *, rngs: nnx.Rngs
    ) -> None:
        self.rate = rate
        self.broadcast_dims = broadcast_dims
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic or self.rate == 0:
            return x
        shape = list(x.shape)
        for axis in self.broadcast_dims:
            shape[axis] = 1
        keep = jax.random.bernoulli(self.rngs(), 1 - self.rate, shape)
        limit = -1.7580993408473766  # what SELU tends to
        a = 1 / math.sqrt((1 - self.rate) * (1 + self.rate * limit**2))
        return a * jnp.where(keep, x, limit) - a * limit * self.rate


class GaussianNoise(nnx.Module):
    """Normal noise that is added in training."""

    def __init__(self, stddev: float, *, rngs: nnx.Rngs) -> None:
        self.stddev = stddev
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic:
            return x
        return x + self.stddev * jax.random.normal(self.rngs(), x.shape, x.dtype)


class GaussianDropout(nnx.Module):
    """Multiplication by normal noise in training, of the variance of dropout's."""

    def __init__(self, rate: float, *, rngs: nnx.Rngs) -> None:
        self.stddev = math.sqrt(rate / (1 - rate))
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x: jax.Array) -> jax.Array:
        if self.deterministic:
            return x
        noise = jax.random.normal(self.rngs(), x.shape, x.dtype)
        return x * (1 + self.stddev * noise)


class GaussianSample(nnx.Module):
    """Samples of normal distributions, of means and log variances; else the means."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.deterministic = False
        self.rngs = rngs.dropout.fork()

    def __call__(self, x: jax.Array) -> jax.Array:
        mean, log_variance = jnp.split(x, 2, axis=-1)
        if self.deterministic:
            return mean
        noise = jax.random.normal(self.rngs(), mean.shape, mean.dtype)
        return mean + jnp.exp(log_variance / 2) * noise
