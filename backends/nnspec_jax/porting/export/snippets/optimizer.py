# mypy: ignore-errors

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax


def scale_by_adam_hat(
    b1: float, b2: float, eps: float, *, amsgrad: bool = False
) -> optax.GradientTransformation:
    """Adam with the paper's "epsilon hat": beside the root that is not corrected yet.

    With ``amsgrad`` the largest mean square so far is in the place of the last one.
    """

    def init(params: optax.Params) -> optax.OptState:
        zeros = [optax.tree.zeros_like(params) for _ in range(3 if amsgrad else 2)]
        kind = optax.ScaleByAmsgradState if amsgrad else optax.ScaleByAdamState
        return kind(jnp.zeros([], jnp.int32), *zeros)

    def update(
        grads: optax.Updates, state: optax.OptState, params: optax.Params = None
    ) -> tuple[optax.Updates, optax.OptState]:
        count = state.count + 1
        mu = optax.tree.update_moment(grads, state.mu, b1, 1)
        nu = optax.tree.update_moment(grads, state.nu, b2, 2)
        largest = jax.tree.map(jnp.maximum, state.nu_max, nu) if amsgrad else nu

        def direction(m: jax.Array, v: jax.Array) -> jax.Array:
            t = count.astype(m.dtype)
            correction = jnp.sqrt(1 - b2**t) / (1 - b1**t)
            return correction * m / (jnp.sqrt(v) + eps)

        updates = jax.tree.map(direction, mu, largest)
        if amsgrad:
            return updates, optax.ScaleByAmsgradState(count, mu, nu, largest)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)


def scale_by_adamax_eps_outside(
    b1: float, b2: float, eps: float
) -> optax.GradientTransformation:
    """Adamax that adds epsilon to the largest gradient, and does not keep it there."""

    def init(params: optax.Params) -> optax.ScaleByAdamState:
        zeros = optax.tree.zeros_like(params), optax.tree.zeros_like(params)
        return optax.ScaleByAdamState(jnp.zeros([], jnp.int32), *zeros)

    def update(
        grads: optax.Updates, state: optax.OptState, params: optax.Params = None
    ) -> tuple[optax.Updates, optax.OptState]:
        count = state.count + 1
        mu = optax.tree.update_moment(grads, state.mu, b1, 1)
        nu = jax.tree.map(lambda g, v: jnp.maximum(b2 * v, abs(g)), grads, state.nu)
        corrected = optax.tree.bias_correction(mu, b1, count)
        updates = jax.tree.map(lambda m, v: m / (v + eps), corrected, nu)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)


class NadamState(NamedTuple):
    """``product``: that of the momenta of all updates so far."""

    count: jax.Array
    mu: optax.Updates
    nu: optax.Updates
    product: jax.Array


def scale_by_nadam(
    b1: float, b2: float, eps: float, *, momentum_decay: float
) -> optax.GradientTransformation:
    """Nadam with the momentum of the paper, which grows from b1 / 2 to b1."""

    def momentum(t: jax.Array) -> jax.Array:
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def init(params: optax.Params) -> NadamState:
        zeros = optax.tree.zeros_like(params), optax.tree.zeros_like(params)
        dtype = jax.tree.leaves(params)[0].dtype
        return NadamState(jnp.zeros([], jnp.int32), *zeros, jnp.ones([], dtype))

    def update(
        grads: optax.Updates, state: NadamState, params: optax.Params = None
    ) -> tuple[optax.Updates, NadamState]:
        count = state.count + 1
        mu = optax.tree.update_moment(grads, state.mu, b1, 1)
        nu = optax.tree.update_moment(grads, state.nu, b2, 2)
        t = count.astype(state.product.dtype)
        now, ahead = momentum(t), momentum(t + 1)
        product = state.product * now
        here, there = (1 - now) / (1 - product), ahead / (1 - product * ahead)
        corrected = optax.tree.bias_correction(nu, b2, count)
        updates = jax.tree.map(
            lambda g, m, v: (there * m + here * g) / (jnp.sqrt(v) + eps),
            grads,
            mu,
            corrected,
        )
        return updates, NadamState(count, mu, nu, product)

    return optax.GradientTransformation(init, update)


def clip_each_by_norm(max_norm: float) -> optax.GradientTransformation:
    """Each parameter's gradient is made as short as this, if it is longer."""

    def clipped(gradient: jax.Array) -> jax.Array:
        norm = jnp.linalg.norm(gradient)
        return gradient * jnp.where(norm > max_norm, max_norm / norm, 1.0)

    return optax.stateless(lambda grads, params: jax.tree.map(clipped, grads))


def scale_by_relative_step(
    learning_rate: optax.ScalarOrSchedule,
) -> optax.GradientTransformation:
    """Minus the learning rate, or minus 1 / sqrt(t) where that is the smaller step."""

    def rate(count: jax.Array) -> jax.Array:
        given = learning_rate(count) if callable(learning_rate) else learning_rate
        return -jnp.minimum(given, (count + 1.0) ** -0.5)

    return optax.scale_by_schedule(rate)
