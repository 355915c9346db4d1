"""Optimizers and clipping as Optax transformations, from Optax's own parts where their formulas are the spec's.

The parts made here: Adam (Optax's bias correction 1 − b2ᵗ cancels in float32, and there is no "hat"), clipping by norms
(Optax's spreads NaN from an infinite gradient), and the last step, which knows the learning rate's scale.

Half-precision parameters are updated in float32 and rounded, slots too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from nnspec import optimizers
from nnspec_jax.realize import at_least_float32, build

Tree = Any
Transformation: TypeAlias = optax.GradientTransformation
# The names of the parameters that weight decay applies to, where they are known.
Names = frozenset[str] | None


class DescentState(NamedTuple):
    """``count``: updates made. ``after``: state of what follows the multiplication with the learning rate."""

    count: jax.Array
    after: Any


def _wide(tree: Tree) -> Tree:
    """Half-precision leaves as float32."""
    return jax.tree.map(
        lambda x: x.astype(at_least_float32(x.dtype)) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def in_float32(inner: Transformation) -> optax.GradientTransformationExtraArgs:
    """The transformation computed in float32 at least, its slots rounded to the dtypes they started with."""
    inner = optax.with_extra_args_support(inner)

    def update(updates: Tree, state: Tree, params: Tree = None, **extra: Any) -> tuple[Tree, Tree]:
        updates, new_state = inner.update(_wide(updates), _wide(state), _wide(params), **extra)
        return updates, jax.tree.map(lambda new, old: new.astype(old.dtype), new_state, state)

    return optax.GradientTransformationExtraArgs(inner.init, update)


def descent(
    spec: optimizers.Optimizer,
    dtype: Any,
    decayed: Names,
    *rule: Transformation,
    scaled: Callable[[Tree, Tree], Tree] | None = None,
    after: Any = None,
    decays: bool = True,
) -> optax.GradientTransformationExtraArgs:
    """The optimizer whose direction is ``rule``: w ← w − after(η · rule(g)) − η · weight_decay · w.

    ``scaled`` makes the direction anew from itself and what the decay of this update has left of the parameters.
    Without ``decays`` the decay is left to the rule.
    Slots are the fields of the rules' states that :data:`nnspec_jax.slots.FIELDS` names, or else those of their own
    names.
    """
    rate = build(spec.learning_rate, at_least_float32(dtype))
    after = after or optax.identity()

    def init(params: Tree) -> DescentState:
        return DescentState(jnp.zeros((), jnp.int32), after.init(params))

    def update(
        updates: Tree, state: DescentState, params: Tree = None, *, learning_rate_scale: Any = 1.0, **extra: Any
    ) -> tuple[Tree, DescentState]:
        eta = rate(state.count, learning_rate_scale)
        if scaled is not None:
            updates = scaled(updates, with_decay(spec, params, params, decayed, -eta))
        updates, after_state = after.update(jax.tree.map(lambda u: -eta * u, updates), state.after, params)
        if decays:
            updates = with_decay(spec, updates, params, decayed, -eta)
        return updates, DescentState(state.count + 1, after_state)

    last = optax.GradientTransformationExtraArgs(init, update)
    return in_float32(optax.chain(*rule, last))


def with_decay(spec: optimizers.Optimizer, updates: Tree, params: Tree, decayed: Names, factor: Any = 1.0) -> Tree:
    """The updates plus factor · weight_decay · w where decay applies."""
    if not spec.weight_decay:
        return updates
    mask = decay_mask(spec, params, decayed)
    return jax.tree.map(
        lambda u, w, decays: u + factor * (spec.weight_decay * w) if decays else u, updates, params, mask
    )


def decay_mask(spec: optimizers.Optimizer, params: Tree, decayed: Names) -> Tree:
    """True where weight decay applies: for "kernels" at these names or, without names, at the leaves named kernel."""

    def decays(path: tuple[Any, ...], _: Any) -> bool:
        if spec.decay == "all":
            return True
        keys = [str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey)]
        return keys[-1] in decayed if decayed is not None else keys[-1].split("/")[-1] == "kernel"

    return jax.tree_util.tree_map_with_path(decays, params)


@build.register
def sgd(spec: optimizers.SGD, dtype: Any, decayed: Names = None) -> Transformation:
    return descent(spec, dtype, decayed)


@build.register(optimizers.Momentum)
@build.register(optimizers.Nesterov)
def momentum(spec: optimizers.Momentum | optimizers.Nesterov, dtype: Any, decayed: Names = None) -> Transformation:
    trace = optax.trace(spec.momentum, nesterov=isinstance(spec, optimizers.Nesterov))
    if spec.learning_rate_in_velocity:
        return descent(spec, dtype, decayed, after=trace)
    return descent(spec, dtype, decayed, trace)


def correction(decay: float, t: jax.Array) -> jax.Array:
    """1 − decayᵗ, without the cancellation of a decay near 1."""
    return -jnp.expm1(t * math.log(decay)) if decay else jnp.ones_like(t)


def zeros(params: Tree) -> Tree:
    return jax.tree.map(jnp.zeros_like, params)


def average(decay: float, new: Tree, old: Tree) -> Tree:
    """decay · old + (1 − decay) · new."""
    return jax.tree.map(lambda x, m: decay * m + (1.0 - decay) * x, new, old)


def adam_direction(
    m: jax.Array, v: jax.Array, c1: jax.Array, c2: jax.Array, epsilon: float, *, hat: bool = False
) -> jax.Array:
    """(m/c1) / (√(v/c2) + epsilon), or with epsilon's ``hat`` (√c2/c1) · m / (√v + epsilon).

    As m / (a·√v + b) it has one division for each element, and needs no array in between.
    """
    a = c1 / jnp.sqrt(c2)
    return m / (a * jnp.sqrt(v) + epsilon * (a if hat else c1))


def scale_by_adam(spec: optimizers.Adam) -> Transformation:
    """Adam's direction with the state of Optax's."""

    def init(params: Tree) -> Any:
        count, moments = jnp.zeros((), jnp.int32), (zeros(params), zeros(params))
        if spec.amsgrad is None:
            return optax.ScaleByAdamState(count, *moments)
        return optax.ScaleByAmsgradState(count, *moments, zeros(params))

    def update(updates: Tree, state: Any, params: Tree = None) -> tuple[Tree, Any]:
        count = state.count + 1
        mu = average(spec.b1, updates, state.mu)
        nu = average(spec.b2, jax.tree.map(jnp.square, updates), state.nu)

        def corrected(v: jax.Array) -> jax.Array:
            return v / correction(spec.b2, count.astype(v.dtype))

        def direction(m: jax.Array, v: jax.Array) -> jax.Array:
            t = count.astype(m.dtype)
            c1, c2 = correction(spec.b1, t), correction(0.0 if spec.amsgrad == "corrected" else spec.b2, t)
            return adam_direction(m, v, c1, c2, spec.epsilon, hat=spec.epsilon_mode == "hat")

        if spec.amsgrad is None:
            return jax.tree.map(direction, mu, nu), optax.ScaleByAdamState(count, mu, nu)
        seen = jax.tree.map(corrected, nu) if spec.amsgrad == "corrected" else nu
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, seen)
        return jax.tree.map(direction, mu, nu_max), optax.ScaleByAmsgradState(count, mu, nu, nu_max)

    return Transformation(init, update)


@build.register(optimizers.Adam)
@build.register(optimizers.AdamW)
def adam(spec: optimizers.Adam, dtype: Any, decayed: Names = None) -> Transformation:
    return descent(spec, dtype, decayed, scale_by_adam(spec))


@build.register
def adagrad(spec: optimizers.AdaGrad, dtype: Any, decayed: Names = None) -> Transformation:
    return descent(spec, dtype, decayed, optax.scale_by_rss(spec.initial_accumulator, spec.epsilon))


def scale_by_stddev(spec: optimizers.RMSProp) -> Transformation:
    """``optax.scale_by_stddev`` with a variance that rounding can't take below zero."""

    def init(params: Tree) -> optax.ScaleByRStdDevState:
        return optax.ScaleByRStdDevState(zeros(params), zeros(params))

    def update(updates: Tree, state: optax.ScaleByRStdDevState, params: Tree = None) -> tuple[Tree, Any]:
        mu = average(spec.rho, updates, state.mu)
        nu = average(spec.rho, jax.tree.map(jnp.square, updates), state.nu)

        def direction(g: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
            power = jnp.maximum(v - jnp.square(m), 0.0)
            return g / (jnp.sqrt(power + spec.epsilon) if spec.epsilon_in_root else jnp.sqrt(power) + spec.epsilon)

        return jax.tree.map(direction, updates, mu, nu), optax.ScaleByRStdDevState(mu, nu)

    return Transformation(init, update)


@build.register
def rmsprop(spec: optimizers.RMSProp, dtype: Any, decayed: Names = None) -> Transformation:
    if spec.centered:
        scale = scale_by_stddev(spec)
    else:
        scale = optax.scale_by_rms(spec.rho, spec.epsilon, 0.0, spec.epsilon_in_root, bias_correction=False)
    trace = optax.trace(spec.momentum) if spec.momentum else optax.identity()
    if spec.learning_rate_in_velocity:
        # The spec's velocity gathers +η·d and is subtracted.
        return descent(spec, dtype, decayed, scale, after=optax.chain(optax.scale(-1.0), trace, optax.scale(-1.0)))
    return descent(spec, dtype, decayed, scale, trace)


def global_norm(gradients: Tree) -> jax.Array:
    """√ΣΣg² of all gradients together, in float32 at least."""
    squares = [jnp.sum(jnp.square(_wide(g))) for g in jax.tree.leaves(gradients)]
    return jnp.sqrt(reduce(jnp.add, squares))


def ratio(norm: jax.Array, other: jax.Array, coefficient: float = 1.0) -> jax.Array:
    """coefficient · norm/other, and 1 where one of them is 0."""
    none = (norm == 0) | (other == 0)
    return jnp.where(none, 1.0, coefficient * norm / jnp.where(none, 1.0, other))


def _shortened(gradient: jax.Array, norm: jax.Array, bound: float | None) -> jax.Array:
    """g · c/n where n is above c, else g bit for bit. NaN spreads; an infinite norm leaves finite elements 0.

    A factor for all elements is nothing that XLA would keep an array for. It does not underflow, since the norm is the
    root of a sum of squares: below 2⁶⁴ in float32, or infinite.
    """
    factor = jnp.where(norm <= bound, 1.0, bound / norm)
    return (_wide(gradient) * factor).astype(gradient.dtype)


@build.register
def clip(spec: optimizers.Clip, *args: Any) -> Transformation:
    def update(gradients: Tree, params: Tree = None) -> Tree:
        if spec.value is not None:
            return jax.tree.map(lambda g: jnp.clip(g, -spec.value, spec.value), gradients)
        if spec.norm is not None:
            return jax.tree.map(lambda g: _shortened(g, global_norm(g), spec.norm), gradients)
        norm = global_norm(gradients)
        return jax.tree.map(lambda g: _shortened(g, norm, spec.global_norm), gradients)

    return optax.stateless(update)


from nnspec_jax import adaptive, factored, schedules, steps, wrappers  # noqa: E402, F401  (they register their classes)
