"""Linear layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from nnspec.layers.activation import Identity
from nnspec.layers.linear import Bilinear, Dense, DenseGeneral, EinsumDense
from nnspec_jax.realize import HIGHEST, Context, at_least_float32, build, widened


def product(x: jax.Array, kernel: jax.Array, *, precision: Any = HIGHEST, **options: Any) -> jax.Array:
    """(…, inputs) times (inputs, features), as a product of two matrices.

    Where several axes are contracted in the kernel's gradient, XLA for CPUs transposes them in memory first.

    Args:
        options: further ones of ``jnp.matmul``, of which ``nnx.Linear`` passes some.
    """
    rows = x.reshape(-1, x.shape[-1])
    rows = jnp.matmul(rows, kernel, precision=precision, **options)
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def turned(x: jax.Array) -> jax.Array:
    """The last two axes exchanged, in memory too: XLA for CPUs multiplies factors faster that lie as it takes them."""
    made: jax.Array = jax.lax.optimization_barrier(jnp.swapaxes(x, -1, -2))
    return made


def _dot_general(x: jax.Array, kernel: jax.Array, dimensions: Any, **options: Any) -> jax.Array:
    """What ``nnx.Linear`` calls: its dimensions are always those of a product."""
    return product(x, kernel, **options)


class ActivatedLinear(nnx.Linear):
    """``nnx.Linear`` followed by an activation; the result is rounded to ``dtype`` once, at the end."""

    def __init__(self, *args: Any, activation: Callable[[jax.Array], jax.Array], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.activation = activation

    def __call__(self, inputs: jax.Array, out_sharding: Any = None) -> jax.Array:
        return self.activation(super().__call__(inputs, out_sharding)).astype(self.dtype)


@build.register
def dense(spec: Dense, context: Context) -> nnx.Linear:
    wide = at_least_float32(context.dtype)
    options: dict[str, Any] = {
        "use_bias": spec.use_bias,
        "dtype": context.dtype,
        "param_dtype": context.dtype,
        "precision": HIGHEST,
        "preferred_element_type": wide,
        "dot_general": _dot_general,
        "kernel_init": nnx.initializers.zeros_init(),
        "bias_init": nnx.initializers.zeros_init(),
        "rngs": context.rngs,
    }
    if spec.activation is None and wide == context.dtype:
        return nnx.Linear(context.features, spec.features, **options)
    after = replace(context, shapes=((*context.shapes[0][:-1], spec.features),))
    activation = build(spec.activation or Identity(), after)
    return ActivatedLinear(context.features, spec.features, activation=activation, **options)


class Contraction(nnx.Module):
    """A product with a kernel of several axes, computed in float32 at least and rounded once."""

    def __init__(self, spec: DenseGeneral | EinsumDense, context: Context) -> None:
        self.spec = spec
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))
        after = replace(context, shapes=(spec.output_shape(*context.shapes),), dtype=at_least_float32(context.dtype))
        self.activation = None if spec.activation is None else build(spec.activation, after)

    def __call__(self, x: jax.Array) -> jax.Array:
        equation = str(self.spec.spelled(x.shape))
        y = jnp.einsum(equation, widened(x), widened(self.kernel[...]), precision=HIGHEST)
        bias = self.spec.biases(x.shape)
        if bias is not None:
            y += widened(self.bias[...]).reshape(bias)
        return (y if self.activation is None else self.activation(y)).astype(x.dtype)


build.register(DenseGeneral, Contraction)
build.register(EinsumDense, Contraction)


class BilinearForms(nnx.Module):
    """A form of two inputs for each feature."""

    def __init__(self, spec: Bilinear, context: Context) -> None:
        for name, param in spec.params(*context.shapes).items():
            setattr(self, name, nnx.Param(jnp.zeros(param.shape, context.dtype)))
        self.use_bias = spec.use_bias

    def __call__(self, x1: jax.Array, x2: jax.Array) -> jax.Array:
        kernel = widened(self.kernel[...])
        rows, others = (widened(x).reshape(-1, x.shape[-1]) for x in (x1, x2))
        forms = product(rows, kernel.reshape(kernel.shape[0], -1)).reshape(-1, *kernel.shape[1:])
        y = jnp.einsum("rjf,rj->rf", forms, others, precision=HIGHEST)
        if self.use_bias:
            y += widened(self.bias[...])
        return y.reshape(*x1.shape[:-1], kernel.shape[-1]).astype(x1.dtype)


build.register(Bilinear, BilinearForms)
