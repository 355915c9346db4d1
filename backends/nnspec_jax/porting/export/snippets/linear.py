# mypy: ignore-errors

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx


class EinsumDense(nnx.Module):
    """A product with a kernel as an equation of Einstein's summation says."""

    def __init__(
        self,
        equation: str,
        kernel_shape: tuple[int, ...],
        bias_shape: tuple[int, ...] | None = None,
        broadcast: tuple[int, ...] | None = None,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.equation = equation
        self.broadcast = broadcast or bias_shape
        init = nnx.initializers.normal(0.02)
        self.kernel = nnx.Param(init(rngs.params(), kernel_shape))
        self.bias = nnx.Param(jnp.zeros(bias_shape)) if bias_shape else None

    def __call__(self, x: jax.Array) -> jax.Array:
        y = jnp.einsum(self.equation, x, self.kernel[...])
        return y if self.bias is None else y + self.bias[...].reshape(self.broadcast)


class Bilinear(nnx.Module):
    """A bilinear form of two inputs for each feature."""

    def __init__(
        self, kernel_shape: tuple[int, ...], use_bias: bool = True, *, rngs: nnx.Rngs
    ) -> None:
        init = nnx.initializers.lecun_normal()
        self.kernel = nnx.Param(init(rngs.params(), kernel_shape))
        self.bias = nnx.Param(jnp.zeros(kernel_shape[-1:])) if use_bias else None

    def __call__(self, x1: jax.Array, x2: jax.Array) -> jax.Array:
        y = jnp.einsum("...i,...j,ijf->...f", x1, x2, self.kernel[...])
        return y if self.bias is None else y + self.bias[...]
