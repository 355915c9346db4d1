"""Layers whose kernel is normalized before it is used.

Flax's own, ``nnx.SpectralNorm`` and ``nnx.WeightNorm``, normalize every parameter of the layer within, biases too.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.weight_normalization import SpectralNorm, WeightNorm
from nnspec_jax.realize import HIGHEST, Context, build, widened


class OfKernel(nnx.Module):
    """A layer and what makes another kernel of its own; the stored one stays as it is."""

    def __init__(self, spec: Any, context: Context) -> None:
        self.spec = spec
        self.layer = build(spec.layer, context)

    def normalized(self, kernel: jax.Array) -> jax.Array:
        """What is used in place of a kernel, both in float32 at least."""
        raise NotImplementedError

    def __call__(self, *inputs: jax.Array) -> jax.Array:
        stored = self.layer.kernel.get_value()
        self.layer.kernel.set_value(self.normalized(widened(stored)).astype(stored.dtype))
        y: jax.Array = self.layer(*inputs)
        self.layer.kernel.set_value(stored)
        return y


def _unit(x: jax.Array, epsilon: float) -> jax.Array:
    return x / jnp.maximum(jnp.sqrt(jnp.square(x).sum()), epsilon)


class SpecSpectralNorm(OfKernel):
    """Spectral normalization; ``train()`` and ``eval()`` switch it as they do batch normalization."""

    def __init__(self, spec: SpectralNorm, context: Context) -> None:
        super().__init__(spec, context)
        self.use_running_average = False
        features = spec.inner(*context.shapes)["kernel"].shape[-1]
        self.u = nnx.BatchStat(jnp.zeros((features,), context.dtype))
        if spec.stored_sigma:
            self.sigma = nnx.BatchStat(jnp.zeros((), context.dtype))

    def normalized(self, kernel: jax.Array) -> jax.Array:
        spec: SpectralNorm = self.spec
        matrix = kernel.reshape(-1, kernel.shape[-1])
        fixed, stored = jax.lax.stop_gradient(matrix), self.u.get_value()

        def left(u: jax.Array) -> jax.Array:
            return _unit(jnp.matmul(fixed, u, precision=HIGHEST), spec.epsilon)

        def step(_: Any, u: jax.Array) -> jax.Array:
            return _unit(jnp.matmul(left(u), fixed, precision=HIGHEST), spec.epsilon)

        training, u = not self.use_running_average, jax.lax.stop_gradient(widened(stored))
        if training:
            before = jax.lax.fori_loop(0, spec.n_steps - 1, step, u)
            u, v = step(0, before), left(before)
            self.u.set_value(u.astype(stored.dtype))
        else:
            u = _unit(u, spec.epsilon)
            v = left(u)
        sigma = jnp.matmul(jnp.matmul(v, matrix, precision=HIGHEST), u, precision=HIGHEST)
        if spec.stored_sigma:
            if training:
                self.sigma.set_value(jax.lax.stop_gradient(sigma).astype(stored.dtype))
            else:
                sigma = widened(self.sigma.get_value())
        return kernel / jnp.where(sigma == 0, 1.0, sigma)


class SpecWeightNorm(OfKernel):
    """Weight normalization."""

    def __init__(self, spec: WeightNorm, context: Context) -> None:
        super().__init__(spec, context)
        shapes = {name: param.shape for name, param in spec.params(*context.shapes).items()}
        self.scale = nnx.Param(jnp.zeros(shapes["scale"], context.dtype)) if spec.use_scale else None

    def normalized(self, kernel: jax.Array) -> jax.Array:
        summed = self.spec.summed(kernel.ndim)
        direction = kernel / jnp.sqrt(jnp.square(kernel).sum(summed, keepdims=True) + self.spec.epsilon)
        return direction if self.scale is None else direction * jnp.expand_dims(widened(self.scale[...]), summed)


@build.register
def spectral_norm(spec: SpectralNorm, context: Context) -> SpecSpectralNorm:
    return SpecSpectralNorm(spec, context)


@build.register
def weight_norm(spec: WeightNorm, context: Context) -> SpecWeightNorm:
    return SpecWeightNorm(spec, context)
