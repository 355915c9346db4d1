# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class BatchRenorm(nnx.Module):
    """Batch renormalization (arXiv:1702.03275), with a running standard deviation."""

    def __init__(
        self,
        num_features: int,
        *,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        r_max: float = 3.0,
        d_max: float = 5.0,
        use_scale: bool = True,
        use_bias: bool = True,
    ) -> None:
        self.mean = nnx.BatchStat(jnp.zeros((num_features,)))
        self.stddev = nnx.BatchStat(jnp.ones((num_features,)))
        self.scale = nnx.Param(jnp.ones((num_features,))) if use_scale else None
        self.bias = nnx.Param(jnp.zeros((num_features,))) if use_bias else None
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.r_max = r_max
        self.d_max = d_max
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        x = jnp.moveaxis(x, self.axis, -1)
        mean, stddev = self.mean[...], self.stddev[...]
        if self.use_running_average:
            y = (x - mean) / stddev
        else:
            axes = tuple(range(x.ndim - 1))
            batch_mean = x.mean(axes)
            variance = jnp.square(x - batch_mean).mean(axes)
            batch_stddev = jnp.sqrt(variance + self.epsilon)
            r = jnp.clip(batch_stddev / stddev, 1 / self.r_max, self.r_max)
            d = jnp.clip((batch_mean - mean) / stddev, -self.d_max, self.d_max)
            r, d = jax.lax.stop_gradient((r, d))
            y = (x - batch_mean) / batch_stddev * r + d
            kept = ((self.mean, batch_mean), (self.stddev, batch_stddev))
            for running, batch in kept:
                new = self.momentum * running[...] + (1 - self.momentum) * batch
                running[...] = jax.lax.stop_gradient(new)
        y = y if self.scale is None else y * self.scale[...]
        y = y if self.bias is None else y + self.bias[...]
        return jnp.moveaxis(y, -1, self.axis)


class NormOverAxes(nnx.Module):
    """Layer normalization over several axes, or without centering RMS normalization."""

    def __init__(
        self,
        shape: Sequence[int],
        axes: Sequence[int],
        *,
        centered: bool = True,
        epsilon: float = 1e-6,
        use_scale: bool = True,
        use_bias: bool = True,
    ) -> None:
        self.axes = tuple(axes)
        self.centered = centered
        self.epsilon = epsilon
        self.scale = nnx.Param(jnp.ones(shape)) if use_scale else None
        self.bias = nnx.Param(jnp.zeros(shape)) if use_bias else None

    def __call__(self, x: jax.Array) -> jax.Array:
        z = x - x.mean(self.axes, keepdims=True) if self.centered else x
        square = jnp.square(z).mean(self.axes, keepdims=True)
        y = z * jax.lax.rsqrt(square + self.epsilon)
        others = tuple(axis for axis in range(x.ndim) if axis not in self.axes)
        if self.scale is not None:
            y = y * jnp.expand_dims(self.scale[...], others)
        if self.bias is not None:
            y = y + jnp.expand_dims(self.bias[...], others)
        return y


def unit_norm(
    x: jax.Array, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-12
) -> jax.Array:
    """x divided by its Euclidean norm along axes."""
    square = jnp.square(x).sum(axis, keepdims=True)
    short = jnp.sqrt(square) <= epsilon
    norm = jnp.sqrt(jnp.where(short, 1.0, square))  # whose derivative is finite
    return x / jnp.where(short, epsilon, norm)
