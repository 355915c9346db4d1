# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx


class Normalization(nnx.Module):
    """Normalization by the mean and the variance of a data set."""

    def __init__(
        self, features: int, *, epsilon: float = 1e-7, invert: bool = False
    ) -> None:
        self.mean = nnx.BatchStat(jnp.zeros((features,)))
        self.var = nnx.BatchStat(jnp.ones((features,)))
        self.epsilon = epsilon
        self.invert = invert

    def __call__(self, x: jax.Array) -> jax.Array:
        mean = self.mean[...]
        deviation = jnp.maximum(jnp.sqrt(self.var[...]), self.epsilon)
        return x * deviation + mean if self.invert else (x - mean) / deviation


def per_step(x: jax.Array, function: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """A function of each step of a sequence."""
    y = function(x.reshape(-1, *x.shape[2:]))
    return y.reshape(*x.shape[:2], *y.shape[1:])


class KernelNorm(nnx.Module):
    """A layer that is computed with a kernel made of its own."""

    def __init__(self, layer: nnx.Module) -> None:
        self.layer = layer

    def __call__(self, *inputs: jax.Array) -> jax.Array:
        stored = self.layer.kernel[...]
        self.layer.kernel[...] = self.normalized(stored)
        y = self.layer(*inputs)
        self.layer.kernel[...] = stored
        return y

    def normalized(self, kernel: jax.Array) -> jax.Array:
        """What is used in place of the kernel."""
        raise NotImplementedError


class WeightNorm(KernelNorm):
    """Weight normalization (arXiv:1602.07868): a direction, and a learned length."""

    def __init__(
        self,
        layer: nnx.Module,
        *,
        axes: tuple[int, ...],
        use_scale: bool = True,
        epsilon: float = 1e-12,
    ) -> None:
        super().__init__(layer)
        self.axes = axes
        self.epsilon = epsilon
        sizes = enumerate(layer.kernel.shape)
        lengths = [size for axis, size in sizes if axis not in axes]
        self.scale = nnx.Param(jnp.ones(lengths)) if use_scale else None

    def normalized(self, kernel: jax.Array) -> jax.Array:
        square = jnp.square(kernel).sum(self.axes, keepdims=True)
        direction = kernel / jnp.sqrt(square + self.epsilon)
        if self.scale is None:
            return direction
        return direction * jnp.expand_dims(self.scale[...], self.axes)


class SpectralNorm(KernelNorm):
    """Spectral normalization (arXiv:1802.05957) by steps of the power method."""

    def __init__(
        self,
        layer: nnx.Module,
        *,
        n_steps: int = 1,
        epsilon: float = 1e-12,
        stored_sigma: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        super().__init__(layer)
        features = layer.kernel.shape[-1]
        self.u = nnx.BatchStat(jax.random.normal(rngs.params(), (features,)))
        self.sigma = nnx.BatchStat(jnp.ones(())) if stored_sigma else None
        self.n_steps = n_steps
        self.epsilon = epsilon
        self.use_running_average = False

    def normalized(self, kernel: jax.Array) -> jax.Array:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        fixed, u = jax.lax.stop_gradient((matrix, self.u[...]))
        if self.use_running_average:
            u = self.unit(u)
            v = self.unit(fixed @ u)
        else:
            for _ in range(self.n_steps):
                v = self.unit(fixed @ u)
                u = self.unit(v @ fixed)
            self.u[...] = u
        sigma = v @ matrix @ u
        if self.sigma is not None:
            if self.use_running_average:
                sigma = self.sigma[...]
            else:
                self.sigma[...] = jax.lax.stop_gradient(sigma)
        return kernel / jnp.where(sigma == 0, 1.0, sigma)

    def unit(self, x: jax.Array) -> jax.Array:
        return x / jnp.maximum(jnp.sqrt(jnp.square(x).sum()), self.epsilon)
