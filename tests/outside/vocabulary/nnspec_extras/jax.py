"""This package's words in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from nnspec_extras import layers, losses, optimizers
from nnspec_jax.losses import LossFunction, elementwise
from nnspec_jax.optimizers import descent
from nnspec_jax.realize import Context, at_least_float32, build, rounded_once


class PowerNorm(nnx.Module):
    """Normalization by the power of each feature; ``train()`` and ``eval()`` of the model around it switch it."""

    def __init__(self, spec: layers.PowerNorm, features: int, dtype: Any) -> None:
        self.spec = spec
        self.scale = nnx.Param(jnp.zeros((features,), dtype))
        self.power = nnx.BatchStat(jnp.ones((features,), dtype))
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x.dtype)
        value, power = x.astype(wide), self.power[...].astype(wide)
        if not self.use_running_average:
            batch = jnp.square(value).mean(range(x.ndim - 1))
            updated = self.spec.momentum * power + (1.0 - self.spec.momentum) * batch
            self.power[...] = updated.astype(self.power.dtype)
            power = batch
        y = value / jnp.sqrt(power + self.spec.epsilon) * self.scale[...].astype(wide)
        return y.astype(x.dtype)


@build.register
def power_norm(spec: layers.PowerNorm, context: Context) -> PowerNorm:
    return PowerNorm(spec, context.features, context.dtype)


@build.register
def hat(spec: layers.Hat, context: Context) -> Callable[[jax.Array], jax.Array]:
    peak = spec.peak
    return rounded_once(lambda x: jnp.where((x <= 0) | (x >= 2 * peak), 0.0 * x, jnp.where(x <= peak, x, 2 * peak - x)))


@build.register
def expectile(spec: losses.Expectile) -> LossFunction:
    def per_position(x: jax.Array, targets: jax.Array) -> jax.Array:
        e = elementwise(x, targets) - x
        return jnp.where(e >= 0, spec.tau, 1.0 - spec.tau) * jnp.square(e)

    return LossFunction(spec, per_position)


class SignumState(NamedTuple):
    """The slot, under its own name."""

    average: Any


@build.register
def signum(spec: optimizers.Signum, dtype: Any, decayed: frozenset[str] | None = None) -> Any:
    def init(parameters: Any) -> SignumState:
        return SignumState(jax.tree.map(jnp.zeros_like, parameters))

    def update(gradients: Any, state: SignumState, parameters: Any = None) -> tuple[Any, SignumState]:
        average = jax.tree.map(lambda g, a: spec.momentum * a + (1.0 - spec.momentum) * g, gradients, state.average)
        return jax.tree.map(jnp.sign, average), SignumState(average)

    return descent(spec, dtype, decayed, optax.GradientTransformation(init, update))
