"""Optimizers made of others, as Optax transformations around those within."""

from __future__ import annotations

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax

from nnspec import wrappers as specs
from nnspec_jax import stepwise
from nnspec_jax.optimizers import Names, Transformation, Tree, average, global_norm, in_float32, zeros
from nnspec_jax.realize import at_least_float32, build
from nnspec_jax.slots import WrappedState

Extended: TypeAlias = optax.GradientTransformationExtraArgs


def _start(inner: Transformation, params: Tree, slots: dict[str, Tree]) -> WrappedState:
    return WrappedState(jnp.zeros((), jnp.int32), (inner.init(params),), slots)


@build.register
def lookahead(spec: specs.Lookahead, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def init(params: Tree) -> WrappedState:
        return _start(inner, params, {"slow": jax.tree.map(jnp.copy, params)})

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        count = state.count + 1
        changes, within = inner.update(updates, state.inner[0], params, **extra)
        synchronizes = count % spec.period == 0

        def advance(w: jax.Array, change: Any, slow: jax.Array) -> tuple[stepwise.Assigned, jax.Array]:
            fast = w + change
            new = jnp.where(synchronizes, slow + spec.alpha * (fast - slow), slow)
            return stepwise.Assigned(jnp.where(synchronizes, new, fast)), new

        made = jax.tree.map(advance, params, changes, state.slots["slow"])
        assigned, slow = (jax.tree.map(lambda _, pair, i=i: pair[i], params, made) for i in (0, 1))
        return assigned, WrappedState(count, (within,), {"slow": slow})

    return in_float32(Extended(init, update))


@build.register
def ema(spec: specs.EMA, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def init(params: Tree) -> WrappedState:
        start = zeros(params) if spec.debias else jax.tree.map(jnp.copy, params)
        return _start(inner, params, {"average": start})

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        changes, within = inner.update(updates, state.inner[0], params, **extra)
        stepped = jax.tree.map(lambda w, change: w + change, params, changes)
        averages = average(spec.momentum, stepped, state.slots["average"])
        return changes, WrappedState(state.count + 1, (within,), {"average": averages})

    return in_float32(Extended(init, update))


@build.register
def gradient_accumulation(spec: specs.GradientAccumulation, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def init(params: Tree) -> WrappedState:
        return _start(inner, params, {"gradient_sum": zeros(params)})

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        count = state.count + 1
        last = count % spec.every == 0
        # Counted anew each time: whoever sets the number of updates sets that of batches in all states.
        before = set_count(state.inner[0], state.count // spec.every)
        total = jax.tree.map(jnp.add, state.slots["gradient_sum"], updates)
        mean = jax.tree.map(lambda x: x / spec.every, total)
        changes, after = inner.update(mean, before, params, **extra)
        within = jax.tree.map(lambda new, old: jnp.where(last, new, old), after, before)
        left = jax.tree.map(lambda x: jnp.where(last, 0.0, x), total)
        assigned = jax.tree.map(lambda w, u: stepwise.Assigned(jnp.where(last, w + u, w)), params, changes)
        return assigned, WrappedState(count, (within,), {"gradient_sum": left})

    return in_float32(Extended(init, update))


def set_count(state: Tree, count: jax.Array) -> Tree:
    """The state with that number of updates made, in all of its parts."""
    is_count = lambda path, _: isinstance(path[-1], optax.tree_utils.NamedTupleKey)  # noqa: E731
    return optax.tree_utils.tree_set(state, is_count, count=count)


@build.register
def gradient_centralization(spec: specs.GradientCentralization, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def init(params: Tree) -> WrappedState:
        return _start(inner, params, {})

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        updates, within = inner.update(jax.tree.map(centralized, updates), state.inner[0], params, **extra)
        return updates, WrappedState(state.count + 1, (within,), {})

    def centralized(g: jax.Array) -> jax.Array:
        axes = spec.axes(g.ndim)
        return g - g.mean(axes, keepdims=True) if axes else g

    return in_float32(Extended(init, update))


@build.register
def loss_scale(spec: specs.LossScale, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def init(params: Tree) -> WrappedState:
        starts = spec.shared_slots().items()
        return _start(inner, params, {slot: {"": jnp.full((), x, at_least_float32(dtype))} for slot, x in starts})

    def update(
        updates: Tree, state: WrappedState, params: Tree = None, *, made: Any = None, **extra: Any
    ) -> tuple[Tree, WrappedState]:
        made = all_finite(updates) if made is None else made
        changes, after = inner.update(updates, state.inner[0], params, **extra)
        within = jax.tree.map(lambda new, old: jnp.where(made, new, old), after, state.inner[0])
        assigned = jax.tree.map(lambda w, u: stepwise.Assigned(jnp.where(made, w + u, w)), params, changes)
        return assigned, WrappedState(state.count + made, (within,), rescaled(state.slots, made))

    def rescaled(slots: dict[str, Tree], made: jax.Array) -> dict[str, Tree]:
        if spec.growth_interval is None:
            return slots
        scale, count = slots["loss_scale"][""], slots["finite_updates"][""] + 1
        grows = count >= spec.growth_interval
        factor = jnp.where(made, jnp.where(grows, spec.growth_factor, 1.0), spec.backoff_factor)
        low, high = spec.bounds
        new = jnp.clip(scale * factor.astype(scale.dtype), low, high)
        return {"loss_scale": {"": new}, "finite_updates": {"": jnp.where(made & ~grows, count, 0.0)}}

    return in_float32(Extended(init, update))


def all_finite(gradients: Tree) -> jax.Array:
    """Whether all elements of all gradients are finite."""
    return jnp.all(jnp.stack([jnp.isfinite(g).all() for g in jax.tree.leaves(gradients)]))


def factor_of_loss(spec: Any, state: Tree) -> Any:
    """What an optimizer in that state wants the loss to be multiplied by, and gradients divided; None for most."""
    if not isinstance(spec, specs.LossScale):
        return None
    return spec.initial_scale if spec.growth_interval is None else state.slots["loss_scale"][""]


@build.register
def sam(spec: specs.SAM, dtype: Any, decayed: Names = None) -> Extended:
    inner = build(spec.inner, dtype, decayed)

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        updates, within = inner.update(updates, state.inner[0], params, **extra)
        return updates, WrappedState(state.count + 1, (within,), {})

    return in_float32(Extended(lambda params: _start(inner, params, {}), update))


def perturbed(spec: specs.SAM, params: Tree, gradients: Tree) -> Tree:
    """w + ε, where SAM takes the second gradient."""

    def sized(w: jax.Array, g: jax.Array) -> jax.Array:
        wide = at_least_float32(w.dtype)
        return (jnp.abs(w.astype(wide)) + spec.eta) * g.astype(wide) if spec.adaptive else g.astype(wide)

    towards = jax.tree.map(sized, params, gradients)
    norm = global_norm(towards)
    factor = jnp.where(norm == 0, 0.0, spec.rho / norm)

    def moved(w: jax.Array, g: jax.Array) -> jax.Array:
        return (w.astype(g.dtype) + factor * sized(w, g)).astype(w.dtype)

    return jax.tree.map(moved, params, towards)


@build.register
def multi_optimizer(spec: specs.MultiOptimizer, dtype: Any, decayed: Names = None) -> Extended:
    inners = [build(optimizer, dtype, decayed) for optimizer in spec.inners]

    def parted(tree: Tree) -> list[dict[str, Any]]:
        """For each optimizer its part of a tree by the parameters' names."""
        parts: list[dict[str, Any]] = [{} for _ in inners]
        for path, x in jax.tree_util.tree_flatten_with_path(tree)[0]:
            name = stepwise.name_of(path)
            parts[spec.part(name)][name] = x
        return parts

    def init(params: Tree) -> WrappedState:
        states = tuple(inner.init(part) for inner, part in zip(inners, parted(params), strict=True))
        return WrappedState(jnp.zeros((), jnp.int32), states, {})

    def update(updates: Tree, state: WrappedState, params: Tree = None, **extra: Any) -> tuple[Tree, WrappedState]:
        changes: dict[str, Any] = {}
        states = []
        given = zip(inners, parted(updates), state.inner, parted(params), strict=True)
        for inner, gradients, before, parameters in given:
            made, after = inner.update(gradients, before, parameters, **extra)
            changes |= made
            states.append(after)
        names = [stepwise.name_of(path) for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
        whole = jax.tree.unflatten(jax.tree.structure(params), [changes[name] for name in names])
        return whole, WrappedState(state.count + 1, tuple(states), {})

    return Extended(init, update)
